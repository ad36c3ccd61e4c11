"""The smallest faithful equivalent of transformers' `examples/pytorch/question-answering/run_qa.py` and its `utils_qa`.

Its defaults: windows of 384 tokens padded to the full length, stride 128, batches of 8, training by the Trainer, 20
best starts and ends of each window, answers of at most 30 tokens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import (
    AutoModelForQuestionAnswering,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    default_data_collator,
    set_seed,
)

LENGTH, STRIDE, BEST, LONGEST = 384, 128, 20, 30
Rows = Sequence[dict[str, Any]]
"""Questions in SQuAD's form: `id`, `question`, `context`, `answers` with `text` and `answer_start`."""


def run_qa(model: Path, splits: dict[str, Rows], arguments: TrainingArguments, *, pad: bool = True) -> dict[str, str]:
    """Fine-tune and predict; the answer to each question of dev and test, by id.

    Args:
        model: Folder of encoder and tokenizer.
        splits: Train, dev and test.
        arguments: As the script takes them from its command line.
        pad: `pad_to_max_length`, on by default in the script.
    """
    set_seed(arguments.seed)
    tokenizer = AutoTokenizer.from_pretrained(model)
    encoder = AutoModelForQuestionAnswering.from_pretrained(model)
    data = {
        name: Dataset.from_list(list(rows)).map(
            _train_features if name == "train" else _features,
            batched=True,
            fn_kwargs={"tokenizer": tokenizer, "pad": pad},
            remove_columns=["id", "question", "context", "answers"],
        )
        for name, rows in splits.items()
    }
    collator = default_data_collator if pad else DataCollatorWithPadding(tokenizer)
    trainer = Trainer(
        encoder, arguments, train_dataset=data["train"], processing_class=tokenizer, data_collator=collator
    )
    trainer.train()
    arguments.train_sampling_strategy = "random"  # grouped, the Trainer would return predictions in another order
    trainer.save_model()
    answers: dict[str, str] = {}
    for name in ("dev", "test"):
        given = data[name].remove_columns(["example_id", "offset_mapping"])
        answers |= _answers(splits[name], data[name], trainer.predict(given).predictions)
    return answers


def _features(examples: Any, tokenizer: Any, pad: bool) -> Any:
    encoded = tokenizer(
        [question.lstrip() for question in examples["question"]],
        examples["context"],
        truncation="only_second",
        max_length=LENGTH,
        stride=STRIDE,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        padding="max_length" if pad else False,
    )
    encoded["example_id"] = [examples["id"][row] for row in encoded["overflow_to_sample_mapping"]]
    for row, offsets in enumerate(encoded["offset_mapping"]):
        second = encoded.sequence_ids(row)
        encoded["offset_mapping"][row] = [o if second[k] == 1 else None for k, o in enumerate(offsets)]
    del encoded["overflow_to_sample_mapping"]
    return encoded


def _train_features(examples: Any, tokenizer: Any, pad: bool) -> Any:
    encoded = _features(examples, tokenizer, pad)
    answers = dict(zip(examples["id"], examples["answers"], strict=True))
    places = [
        _places(answers[name], offsets)
        for name, offsets in zip(encoded["example_id"], encoded["offset_mapping"], strict=True)
    ]
    encoded["start_positions"], encoded["end_positions"] = map(list, zip(*places, strict=True))
    del encoded["example_id"], encoded["offset_mapping"]
    return encoded


def _places(answers: Any, offsets: Sequence[Any]) -> tuple[int, int]:
    """First and last token of the first answer; both the first token where the window lacks it."""
    if not answers["answer_start"]:
        return 0, 0
    begin = answers["answer_start"][0]
    end = begin + len(answers["text"][0])
    shown = [place for place, offset in enumerate(offsets) if offset is not None]
    if offsets[shown[0]][0] > begin or offsets[shown[-1]][1] < end:
        return 0, 0
    return (
        max(place for place in shown if offsets[place][0] <= begin),
        min(place for place in shown if offsets[place][1] >= end),
    )


def _answers(rows: Rows, features: Any, predictions: Any) -> dict[str, str]:
    """`postprocess_qa_predictions` without null answers."""
    by_question: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(features["example_id"]):
        by_question[name].append(number)
    offsets, found = features["offset_mapping"], {}
    for row in rows:
        candidates = [
            candidate
            for number in by_question[row["id"]]
            for candidate in _candidates(predictions[0][number], predictions[1][number], offsets[number])
        ]
        _, first, last = max(candidates, default=(0.0, 0, 0))
        found[row["id"]] = row["context"][first:last]
    return found


def _candidates(starts: Any, ends: Any, offsets: Sequence[Any]) -> list[tuple[float, int, int]]:
    best_starts, best_ends = (np.argsort(side)[-1 : -BEST - 1 : -1].tolist() for side in (starts, ends))
    return [
        (float(starts[start] + ends[end]), offsets[start][0], offsets[end][1])
        for start in best_starts
        for end in best_ends
        if max(start, end) < len(offsets) and offsets[start] and offsets[end] and start <= end < start + LONGEST
    ]
