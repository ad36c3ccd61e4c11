"""Tiny encoders and tasks, made on the spot."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForMaskedLM, BertTokenizerFast

from gmlm.config import FinetuneConfig, OptimisationConfig, TaskConfig
from gmlm.finetuning.intake import Intake
from gmlm.finetuning.prepare import prepare_task
from gmlm.manifest import Manifest
from gmlm.shards import Quarantine

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
DRUGS = ("Aspirin", "Ibuprofen", "Ramipril", "Metformin")
FINDINGS = ("Fieber", "Husten", "Schmerz", "Schwindel")
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}

FAST = FinetuneConfig(
    epochs=25,
    batch_size=8,
    max_length=32,
    stride=8,
    optimisation=OptimisationConfig(learning_rate=5e-3, warmup_ratio=0.1),
)
"""Fine-tuning that lets a tiny model learn a small set by heart in about a second."""

MakeModel = Callable[..., Manifest]
MakeTask = Callable[..., Manifest]


def word_piece_tokenizer(texts: Iterable[str]) -> BertTokenizerFast:
    """A WordPiece tokenizer that knows the texts' words and all of their characters."""
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]", text)})
    letters = sorted({letter for word in words for letter in word})
    vocabulary = dict.fromkeys([*SPECIAL, *words, *letters, *(f"##{letter}" for letter in letters)])
    numbers = {token: number for number, token in enumerate(vocabulary)}
    return BertTokenizerFast(vocab=numbers, do_lower_case=False, strip_accents=False)


@pytest.fixture
def tokenizer() -> BertTokenizerFast:
    texts = [*DRUGS, *FINDINGS, "Patient erhält gegen . , ? Was bekommt er nimmt keine Medikamente und klagt über"]
    return word_piece_tokenizer(texts)


@pytest.fixture
def make_model(make_run: Any, tokenizer: BertTokenizerFast) -> MakeModel:
    """Publish a randomly initialised encoder: make_model(model_type="electra", vocab_size=..., ...)."""

    def make(name: str = "tiny", model_type: str = "bert", **settings: Any) -> Manifest:
        run = make_run("pretrain", name)
        folder = run.store.local_path(run.key("model"))
        sizes = {"vocab_size": len(tokenizer), "pad_token_id": 0, **SIZES, **settings}
        torch.manual_seed(3)
        AutoModelForMaskedLM.from_config(AutoConfig.for_model(model_type, **sizes)).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return run.publish("model", FAST, [])

    return make


@pytest.fixture
def make_task(make_run: Any, tmp_path: Path) -> MakeTask:
    """Prepare a task from its splits' file contents: make_task(config, train=..., dev=..., test=...)."""

    def make(config: TaskConfig, name: str = "task", **splits: str) -> Manifest:
        for split, content in splits.items():
            (tmp_path / f"{name}.{split}").write_text(content, encoding="utf-8")
        files = {split: f"{name}.{split}" for split in splits}
        run = make_run("task", name)
        return prepare_task(config.model_copy(update={"path": None, **files}), run)

    return make


def json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def prescriptions(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Texts with spans of drugs and findings, and both as labels."""
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        drug, finding = generator.choice(DRUGS), generator.choice(FINDINGS)
        lead = "Patient nimmt keine Medikamente . " * generator.randrange(3)
        text = f"{lead}Patient erhält {drug} gegen {finding}. Nr {number}"
        spans = [
            {"start": text.index(word), "end": text.index(word) + len(word), "label": label}
            for word, label in ((drug, "DRUG"), (finding, "FINDING"))
        ]
        rows.append({"id": str(number), "text": text, "spans": spans, "labels": [drug, finding]})
    return rows


def questions(count: int, seed: int = 1, unanswerable: bool = False) -> str:
    """SQuAD JSON that asks for the drug of each text; every fourth question may have no answer."""
    articles = []
    for row in prescriptions(count, seed):
        span = row["spans"][0]
        answer = {"text": row["text"][span["start"] : span["end"]], "answer_start": span["start"]}
        qas = [{"id": row["id"], "question": "Was erhält er?", "answers": [answer]}]
        if unanswerable and int(row["id"]) % 4 == 0:
            qas[0] |= {"question": "Husten ?", "answers": [], "is_impossible": True}
        articles.append({"title": row["id"], "paragraphs": [{"context": row["text"], "qas": qas}]})
    return json.dumps({"version": "v2.0", "data": articles}, ensure_ascii=False)


@pytest.fixture
def intake(make_run: Any) -> Intake:
    return Intake("file", Quarantine(make_run("task", "intake")))
