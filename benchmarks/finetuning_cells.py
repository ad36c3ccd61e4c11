"""Cells of gmlm and of Hugging Face's example scripts on the same data, model and settings, scored by one scorer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from run_ner import Sentence, highest, run_ner
from run_qa import run_qa
from transformers import AutoModelForMaskedLM, BertConfig, BertTokenizerFast, TrainingArguments

from gmlm.config import CellConfig, FinetuneConfig, OptimisationConfig, TaskConfig
from gmlm.evaluation.scores import score
from gmlm.finetuning.finetune import finetune
from gmlm.finetuning.prepare import prepare_task
from gmlm.manifest import Manifest
from gmlm.stage import StageRun
from gmlm.storage.local import LocalStore

LABELS = ("ANATOMY", "DIAGNOSIS", "DRUG", "FINDING", "LAB", "PROCEDURE")
TAGS = ("O", *(f"{place}-{label}" for label in LABELS for place in "BI"))
SPLITS = ("train", "dev", "test")
WORD = re.compile(r"\w+|[^\w\s]")
Decoder = Callable[[NDArray[np.float32], Sequence[str]], list[str]]
"""Tags of words from their logits (words, tags)."""


@dataclass(frozen=True)
class Settings:
    """What both sides are given.

    Attributes:
        epochs: Passes over the training windows.
        batch_size: Windows of a step, and of an evaluation batch of the Trainer.
        learning_rate: Peak; it falls linearly.
        precision: Arithmetic.
        max_length: Longest window.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    precision: str
    max_length: int

    def own(self) -> FinetuneConfig:
        """As gmlm takes them, with the Trainer's weight decay, and one tag a word as run_ner has it."""
        return FinetuneConfig(
            epochs=self.epochs,
            batch_size=self.batch_size,
            max_length=self.max_length,
            tagging="words",
            optimisation=OptimisationConfig(
                learning_rate=self.learning_rate, precision=self.precision, weight_decay=0.0
            ),
        )

    def trainer(self, folder: Path, seed: int, *, grouped: bool) -> TrainingArguments:
        """As the scripts' command line takes them; grouped by length is not their default."""
        return TrainingArguments(
            str(folder),
            num_train_epochs=self.epochs,
            per_device_train_batch_size=self.batch_size,
            per_device_eval_batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            bf16=self.precision == "bf16",
            train_sampling_strategy="group_by_length" if grouped else "random",
            use_cpu=True,
            seed=seed,
            report_to=[],
            disable_tqdm=True,
            log_level="error",
        )


def make_model(folder: Path, layers: int, hidden: int, texts: Sequence[str], vocabulary: int) -> None:
    """A BERT with random weights and a WordPiece tokenizer of these texts."""
    from tokenizers import BertWordPieceTokenizer

    trained = BertWordPieceTokenizer(lowercase=False)
    trained.train_from_iterator(texts, vocab_size=vocabulary, show_progress=False)
    tokenizer = BertTokenizerFast(vocab=trained.get_vocab(), do_lower_case=False, strip_accents=False)
    tokenizer.model_max_length = 512
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        intermediate_size=4 * hidden,
        initializer_range=0.05,
    )
    AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@dataclass
class Bench:
    """A task with its splits, a store, and a model, ready for cells of either side."""

    folder: Path
    task: TaskConfig
    prepared: Manifest
    model: Manifest
    cells: int = 0

    def own(self, settings: Settings, seed: int) -> float:
        """A cell of gmlm from model folder to published scores; F1 of the test set."""
        task = self.task.model_copy(update={"finetuning": settings.own()})
        run = self._run("finetune", f"model--{self.task.kind}--{seed}")
        manifest = finetune(CellConfig(task=task, seed=seed), run)
        return float(manifest.metrics["test_f1"])

    def peer(
        self, settings: Settings, seed: int, *, grouped: bool = False, pad: bool = True, decode: Decoder = highest
    ) -> float:
        """A cell of run_ner or run_qa from model folder to predictions; F1 of the test set by gmlm's scorer."""
        self.cells += 1
        arguments = settings.trainer(self.folder / f"trainer-{self.cells}", seed, grouped=grouped)
        model = self.folder / "store" / self.model.key("model")
        splits = {name: self.examples(name) for name in SPLITS}
        if self.task.kind == "token_classification":
            given = {name: [sentence_of(row) for row in rows] for name, rows in splits.items()}
            logits = run_ner(model, given, TAGS, arguments)
            predicted: list[Any] = [
                spans_of(row, decode(words, TAGS)) for row, words in zip(splits["test"], logits, strict=True)
            ]
        else:
            questions = {name: [question_of(row) for row in rows] for name, rows in splits.items()}
            answers = run_qa(model, questions, arguments, pad=pad)
            predicted = [{"text": answers[row["id"]], "start": None, "best": []} for row in splits["test"]]
        gold = "spans" if self.task.kind == "token_classification" else "answers"
        rows = [
            {"id": row["id"], "gold": row[gold], "predicted": found}
            for row, found in zip(splits["test"], predicted, strict=True)
        ]
        return float(score(self.task, rows)["f1"])

    def examples(self, split: str) -> list[dict[str, Any]]:
        """The prepared examples of a split."""
        file = self.folder / "store" / self.prepared.key(f"{split}.jsonl")
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    def _run(self, stage: str, name: str) -> StageRun:
        self.cells += 1
        inputs = {"model": self.model, "task": self.prepared} if stage == "finetune" else {}
        return stage_run(self.folder, stage, name, self.cells, inputs)


def stage_run(folder: Path, stage: str, name: str, number: int, inputs: Mapping[str, Manifest]) -> StageRun:
    """A run of a stage in a store below the folder."""
    fingerprint = f"{number:064x}"
    scratch = folder / "scratch" / f"{number}"
    scratch.mkdir(parents=True)
    return StageRun(
        stage=stage,
        name=name,
        store=LocalStore(folder / "store"),
        prefix=f"{stage}/{name}/{fingerprint}",
        scratch=scratch,
        fingerprint=fingerprint,
        seed=13,
        study_folder=folder,
        inputs=dict(inputs),
    )


def open_bench(folder: Path, task: TaskConfig, layers: int, hidden: int, texts: Sequence[str]) -> Bench:
    """Prepare the task and make the model."""
    prepared = prepare_task(task, stage_run(folder, "task", task.kind, 0, {}))
    run = stage_run(folder, "pretrain", "model", -1, {})
    make_model(folder / "store" / run.key("model"), layers, hidden, texts, vocabulary=4000)
    return Bench(folder, task, prepared, run.publish("model", task, []))


def sentence_of(document: Mapping[str, Any]) -> Sentence:
    """Words and tags of a document; run_ner has no characters."""
    words = list(WORD.finditer(document["text"]))
    tags = ["O"] * len(words)
    for span in document["spans"]:
        inside = [place for place, word in enumerate(words) if span["start"] <= word.start() < span["end"]]
        for place in inside:
            tags[place] = f"{'B' if place == inside[0] else 'I'}-{span['label']}"
    return [word.group() for word in words], tags


def spans_of(document: Mapping[str, Any], tags: Sequence[str]) -> list[dict[str, Any]]:
    """Spans in characters of the tags of a document's first words, read as seqeval does by default."""
    from seqeval.metrics.sequence_labeling import get_entities

    words = list(WORD.finditer(document["text"]))
    return [
        {"start": words[first].start(), "end": words[last].end(), "label": label}
        for label, first, last in get_entities(list(tags))
    ]


def question_of(question: Mapping[str, Any]) -> dict[str, Any]:
    """A question in the form of the Hub's SQuAD."""
    answers = question["answers"]
    return {
        "id": question["id"],
        "question": question["question"],
        "context": question["context"],
        "answers": {"text": [a["text"] for a in answers], "answer_start": [a["start"] for a in answers]},
    }
