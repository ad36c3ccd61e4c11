"""The task stage: reads a task's files, checks every label and offset, and writes train, dev and test."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gmlm.config import TaskConfig
from gmlm.errors import DataFormatError, EmptyCorpusError, LabelError
from gmlm.finetuning.examples import Example, LabelledDocument, to_json_lines
from gmlm.finetuning.files import task_files
from gmlm.finetuning.intake import Intake
from gmlm.finetuning.readers import READERS
from gmlm.finetuning.splits import SPLITS, split_examples, split_report
from gmlm.manifest import Manifest
from gmlm.shards import Quarantine
from gmlm.stage import StageRun
from gmlm.telemetry import progress

Splits = Mapping[str, list[Example]]


def prepare_task(config: TaskConfig, run: StageRun) -> Manifest:
    """Read, check and split the data of a task.

    Writes `train.jsonl`, `dev.jsonl`, `test.jsonl`, `labels.json` (the labels to predict, sorted, and the number of
    examples of each split that hold each), `split.json` (what was kept together, and what leaks) and, where records
    were set aside, `quarantine.jsonl`.

    Raises:
        InputNotFoundError: A file of the task is not there.
        DataFormatError: A file has another format, or none of its records could be read.
        LabelError: A label is none of those declared, or a span lies outside its text.
        EmptyCorpusError: A split has no examples.
    """
    quarantine, left_out = Quarantine(run), Counter[str]()
    splits = _read_splits(config, run, quarantine, left_out)
    for name, examples in splits.items():
        if not examples:
            fix = "give more data or other shares" if config.path else f"check the file under '{name}'"
            raise EmptyCorpusError(f"the {name} split has no examples", where=f"task {run.name}", fix=fix)
    report = split_report(splits, config.keep_together)
    splits, labels = _with_known_labels(config, splits, left_out)
    files = [run.write(f"{name}.jsonl", to_json_lines(splits[name]), rows=len(splits[name])) for name in SPLITS]
    files.append(run.write("labels.json", labels_json(labels, splits)))
    files.append(run.write("split.json", (json.dumps(report, ensure_ascii=False, indent=2) + "\n").encode()))
    total = sum(len(examples) for examples in splits.values())
    counters = {"in": total + quarantine.total, "out": total, **quarantine.counters()}
    counters |= {name: len(splits[name]) for name in SPLITS} | {"labels": len(labels)}
    counters |= {f"left out: {reason}": count for reason, count in sorted(left_out.items())}
    counters |= _leak_counts(report)
    return run.publish("task", config, [*files, *quarantine.write()], counters=counters)


def _read_splits(config: TaskConfig, run: StageRun, quarantine: Quarantine, left_out: Counter[str]) -> Splits:
    read = {
        name: list(_read_files(files, config, quarantine, left_out, None if name == "path" else name))
        for name, files in task_files(config, run.study_folder).items()
    }
    if not any(read.values()) and quarantine.total:
        reason, count = quarantine.reasons.most_common(1)[0]
        what = f"none of {quarantine.total} records can be read ({count}: {reason})"
        fix = "check 'reader', and the fields or columns that the task names"
        raise DataFormatError(what, where=f"task {run.name}", fix=fix)
    train, dev, test = config.split
    if config.path:
        return split_examples(read["path"], {"train": train, "dev": dev, "test": test}, config.keep_together)
    if config.dev is None:
        shares = {"train": train / (train + dev), "dev": dev / (train + dev)}
        read |= split_examples(read["train"], shares, config.keep_together)
    return read


def _read_files(
    files: Sequence[Path], config: TaskConfig, quarantine: Quarantine, left_out: Counter[str], split: str | None
) -> Iterator[Example]:
    seen: set[str] = set()
    named = files[0].name if len(files) == 1 else f"{len(files)} files"
    with progress(f"Read {named}", total=None, unit="examples") as bar:
        for path in files:
            intake = Intake(path.name, quarantine, split)
            for example in READERS[config.reader](path, config, intake):
                bar.advance()
                if example.id in seen:
                    intake.reject(example.id, "an id that occurred before")
                    continue
                seen.add(example.id)
                _check_labels(example, config, path.name)
                yield example
            left_out.update(intake.left_out)


def _check_labels(example: Example, config: TaskConfig, file: str) -> None:
    if config.labels is None or config.kind == "question_answering":
        return
    for label in example.labels:
        if label not in config.labels:
            fix = "correct the data, or add the label to 'labels' of the task"
            raise LabelError(f"label {label!r} is not one of the task's labels", where=f"{file}: {example.id}", fix=fix)


def _with_known_labels(config: TaskConfig, splits: Splits, left_out: Counter[str]) -> tuple[Splits, list[str]]:
    """The splits, and the sorted labels that a model can learn.

    Multi-label: labels with too few training documents are taken out of every split and counted. Spans: a label that
    only dev or test hold stays in their gold, where it counts as missed.
    """
    in_train = _count_labels(splits["train"])
    known = set(config.labels or in_train) if config.kind != "multi_label" else set(in_train)
    if config.kind == "multi_label":
        known = {label for label in config.labels or in_train if in_train[label] >= config.min_label_count}
        splits = {name: [_restricted(example, known, left_out) for example in splits[name]] for name in splits}
    elif unseen := set().union(*(_count_labels(splits[name]) for name in SPLITS)) - set(in_train):
        left_out["labels without training examples, kept in gold"] = len(unseen)
    return splits, sorted(known)


def _restricted(example: Example, known: set[str], left_out: Counter[str]) -> Example:
    assert isinstance(example, LabelledDocument)
    kept = tuple(label for label in example.labels if label in known)
    if len(kept) < len(example.labels):
        left_out["labels of documents, too rare in training"] += len(example.labels) - len(kept)
    return replace(example, labels=kept)


def _count_labels(examples: Iterable[Example]) -> Counter[str]:
    return Counter(label for example in examples for label in example.labels)


def labels_json(labels: list[str], splits: Splits) -> bytes:
    """The content of `labels.json`: the labels to predict, and how many examples of each split hold each."""
    counts = {name: dict(sorted(_count_labels(splits[name]).items())) for name in SPLITS}
    return (json.dumps({"labels": labels, "counts": counts}, ensure_ascii=False, indent=2) + "\n").encode()


def _leak_counts(report: Mapping[str, Any]) -> dict[str, int]:
    """Near-duplicates among documents, and test examples that leak from train, for the manifest."""
    found = report["leaks"]["test"]
    return {
        "documents with near-duplicates": sum(len(group) for group in report["tied"]),
        "test documents that are also in train": len(found["document"]),
        "test texts that are also in train": len(found["text"]),
        "test texts with a near-duplicate in train": len(found["near-duplicate"]),
    }
