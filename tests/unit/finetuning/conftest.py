"""Tiny encoders and tasks, made on the spot."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForMaskedLM, BertTokenizerFast

from gmlm.config import CellConfig, FinetuneConfig, OptimisationConfig, TaskConfig
from gmlm.finetuning.finetune import finetune
from gmlm.finetuning.intake import Intake
from gmlm.finetuning.prepare import prepare_task
from gmlm.manifest import Manifest
from gmlm.shards import Quarantine
from gmlm.stage import StageRun

READER = {"token_classification": "spans_jsonl", "multi_label": "labels_jsonl", "question_answering": "squad"}
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
DRUGS = ("Aspirin", "Ibuprofen", "Ramipril", "Metformin")
FINDINGS = ("Fieber", "Husten", "Schmerz", "Schwindel")
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
}

FAST = FinetuneConfig(
    epochs=25,
    batch_size=4,
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
def calm_model(make_model: MakeModel) -> Manifest:
    """An encoder without dropout, which learns a small set by heart sooner."""
    return make_model("calm", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


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


@dataclass
class Cell:
    """A finished cell and its files."""

    run: StageRun
    manifest: Manifest

    def read(self, path: str) -> bytes:
        return self.run.store.read(self.run.key(path))

    def json(self, path: str) -> Any:
        return json.loads(self.read(path))

    def predictions(self, split: str = "test") -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.read(f"predictions.{split}.jsonl").splitlines()]

    def hashes(self) -> dict[str, str]:
        return {entry.path: entry.sha256 for entry in self.manifest.files}


Fit = Callable[..., Cell]


@pytest.fixture
def fit(make_run: Any, make_model: MakeModel, make_task: MakeTask) -> Fit:
    """Fine-tune a tiny encoder on a task whose three splits are alike: fit("multi_label", epochs=2, seed=3)."""
    made: dict[Any, Manifest] = {}

    def fit_cell(
        kind: str = "token_classification",
        *,
        content: str | None = None,
        model: Manifest | None = None,
        seed: int = 1,
        name: str = "cell",
        settings: Mapping[str, Any] | None = None,
        **finetuning: Any,
    ) -> Cell:
        chosen = content if content is not None else questions(24) if kind == "question_answering" else None
        chosen = chosen or json_lines(prescriptions(24))
        config = TaskConfig(kind=kind, reader=READER[kind], train="x", dev="x", test="x", **(settings or {}))
        config = config.model_copy(update={"finetuning": FAST.model_copy(update=finetuning)})
        if (kind, chosen) not in made:
            made[kind, chosen] = make_task(config, f"task{len(made)}", train=chosen, dev=chosen, test=chosen)
        run = make_run("finetune", name, inputs={"model": model or make_model(), "task": made[kind, chosen]})
        return Cell(run, finetune(CellConfig(task=config, seed=seed), run))

    return fit_cell


@pytest.fixture
def fast_config() -> FinetuneConfig:
    return FAST


@pytest.fixture
def fast_optimisation() -> OptimisationConfig:
    return FAST.optimisation


@pytest.fixture
def squad() -> Callable[..., str]:
    return questions


@pytest.fixture
def annotated() -> Callable[..., list[dict[str, Any]]]:
    return prescriptions


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


def questions(count: int = 0, *, unanswerable: bool = False, rows: list[dict[str, Any]] | None = None) -> str:
    """SQuAD JSON that asks for the drug of each text; every fourth question may have no answer."""
    articles = []
    for row in rows or prescriptions(count):
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
