"""The smallest faithful equivalent of transformers' `examples/pytorch/token-classification/run_ner.py`.

Its defaults: words in, the label on a word's first token, truncation at the model's length, dynamic padding in batches
of 8, training and evaluation by the Trainer, evaluation on dev and prediction of test at the end, the model saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from seqeval.metrics import f1_score
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
    set_seed,
)

Sentence = tuple[list[str], list[str]]
"""Words and their IOB2 tags."""


def run_ner(
    model: Path, splits: dict[str, Sequence[Sentence]], tags: Sequence[str], arguments: TrainingArguments
) -> list[NDArray[np.float32]]:
    """Fine-tune and predict; the logits of the test set's words, (words, tags), by sentence."""
    set_seed(arguments.seed)
    tokenizer = AutoTokenizer.from_pretrained(model)
    ids = {tag: number for number, tag in enumerate(tags)}
    encoder = AutoModelForTokenClassification.from_pretrained(
        model, num_labels=len(tags), id2label=dict(enumerate(tags)), label2id=ids
    )
    data = {}
    for name, rows in splits.items():
        columns = {"tokens": [words for words, _ in rows], "tags": [[ids[tag] for tag in row] for _, row in rows]}
        data[name] = Dataset.from_dict(columns).map(
            _tokenize, batched=True, fn_kwargs={"tokenizer": tokenizer}, remove_columns=["tokens", "tags"]
        )
    trainer = Trainer(
        encoder,
        arguments,
        train_dataset=data["train"],
        eval_dataset=data["dev"],
        processing_class=tokenizer,
        data_collator=DataCollatorForTokenClassification(tokenizer),
        compute_metrics=lambda found: {"f1": f1_score(*_tags_of(found.predictions, found.label_ids, tags)[::-1])},
    )
    trainer.train()
    arguments.train_sampling_strategy = "random"  # grouped, the Trainer would return predictions in another order
    trainer.save_model()
    trainer.evaluate()
    found = trainer.predict(data["test"])
    return [row[label != -100] for row, label in zip(found.predictions, found.label_ids, strict=True)]


def highest(logits: NDArray[np.float32], tags: Sequence[str]) -> list[str]:
    """The script's choice: the tag of the highest logit of each word, whatever stands before it."""
    return [tags[tag] for tag in logits.argmax(axis=1)]


def _tokenize(examples: Any, tokenizer: Any) -> Any:
    encoded = tokenizer(examples["tokens"], padding=False, truncation=True, is_split_into_words=True)
    encoded["labels"] = [_aligned(encoded.word_ids(row), tags) for row, tags in enumerate(examples["tags"])]
    return encoded


def _aligned(words: Sequence[int | None], tags: Sequence[int]) -> list[int]:
    before = [None, *words[:-1]]
    return [-100 if word is None or word == last else tags[word] for word, last in zip(words, before, strict=True)]


def _tags_of(logits: Any, labels: Any, tags: Sequence[str]) -> tuple[list[list[str]], list[list[str]]]:
    """Predicted and true tags where a word begins."""
    chosen = np.argmax(logits, axis=2)
    pairs = [(row[label != -100], label[label != -100]) for row, label in zip(chosen, labels, strict=True)]
    return [[tags[t] for t in row] for row, _ in pairs], [[tags[t] for t in row] for _, row in pairs]
