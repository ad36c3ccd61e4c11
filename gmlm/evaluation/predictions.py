"""Predictions files: written in one form, and read from what other systems write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gmlm.config import ImportConfig, TaskConfig
from gmlm.config.paths import resolve_path
from gmlm.config.tasks import TaskKind
from gmlm.errors import DataFormatError
from gmlm.evaluation.scores import metric_of, score
from gmlm.manifest import Manifest
from gmlm.manifest import read_file as read_stored
from gmlm.stage import StageRun

GOLD: Mapping[TaskKind, str] = {
    "token_classification": "spans",
    "multi_label": "labels",
    "question_answering": "answers",
}
"""Key of the gold in a line of a task's split."""
Predicted = dict[str, Any]
"""Predictions by the id of the document or question."""


def prediction_lines(examples: Sequence[Mapping[str, Any]], predicted: Sequence[Any], gold: str) -> bytes:
    """A predictions file: a line an example, with id, gold and prediction."""
    rows = (
        {"id": example["id"], "gold": example[gold], "predicted": found}
        for example, found in zip(examples, predicted, strict=True)
    )
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows).encode()


def import_predictions(config: ImportConfig, run: StageRun) -> Manifest:
    """Bring another system's predictions of a task's test set into the store, beside the task's gold.

    A test document without a prediction counts as one where nothing was found, and is counted as `unanswered`.

    Raises:
        DataFormatError: The file cannot be read, or predicts documents that are not in the test set.
    """
    path = resolve_path(config.path, run.study_folder)
    test = [json.loads(line) for line in read_stored(run.store, run.inputs["task"], "test.jsonl").splitlines()]
    found = read_file(path, config.task)
    if unknown := set(found) - {example["id"] for example in test}:
        what = f"{len(unknown)} of {len(found)} predictions are of documents that are not in the test set"
        raise DataFormatError(what, where=path.name, fix="use the ids of the task's test split")
    nothing: Any = {"text": "", "start": None} if config.task.kind == "question_answering" else []
    lines = prediction_lines(test, [found.get(one["id"], nothing) for one in test], GOLD[config.task.kind])
    metric, rows = metric_of(config.task), [json.loads(line) for line in lines.splitlines()]
    test_score = score(config.task, rows)
    record = {"metric": metric.name, "convention": metric.convention, "test": test_score}
    files = [
        run.write("predictions.test.jsonl", lines, rows=len(rows)),
        run.write("scores.json", (json.dumps(record, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()),
    ]
    counters = {"in": len(test), "out": len(test), "rejected": 0, "unanswered": len(test) - len(found)}
    return run.publish("predictions", config, files, counters=counters, metrics={"test_f1": test_score["f1"]})


def read_file(path: Path, task: TaskConfig) -> Predicted:
    """The predictions in a file, by its name's ending: JSONL, CLEF eHealth's columns (.tsv, .txt) or SQuAD's JSON.

    Raises:
        DataFormatError: A line is not what the format says, or an id occurs twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
        pairs = _READERS.get(path.suffix, _jsonl)(text)
        _check(pairs, task)
    except (ValueError, KeyError, TypeError, AttributeError):
        fix = "give JSONL with 'id' and 'predicted', CLEF's 'id<TAB>label|label' as .tsv, or SQuAD's JSON of answers"
        raise DataFormatError(f"no predictions of a {task.kind} task", where=path.name, fix=fix) from None
    if len(dict(pairs)) < len(pairs):
        raise DataFormatError("an id occurs more than once", where=path.name, fix="give one prediction a document")
    return dict(pairs)


def _jsonl(text: str) -> list[tuple[str, Any]]:
    rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [(row["id"], row["predicted"]) for row in rows]


def _columns(text: str) -> list[tuple[str, Any]]:
    """Id and labels in two columns; a line without labels has none."""
    rows = (line.split("\t") for line in text.splitlines() if line.strip())
    return [(row[0].strip(), sorted({code for code in "".join(row[1:2]).strip().split("|") if code})) for row in rows]


def _answers(text: str) -> list[tuple[str, Any]]:
    """SQuAD's predictions: an object of answers by id, an empty one for no answer."""
    return [(name, {"text": answer, "start": None}) for name, answer in json.loads(text).items()]


_READERS = {".tsv": _columns, ".txt": _columns, ".json": _answers}


def _check(pairs: Sequence[tuple[str, Any]], task: TaskConfig) -> None:
    """Raise a ValueError, KeyError or TypeError where a prediction has another form than the task's kind."""
    for name, predicted in pairs:
        if not isinstance(name, str):
            raise TypeError
        if task.kind == "question_answering":
            str.strip(predicted["text"])
        elif task.kind == "multi_label":
            "".join(predicted)
        elif any(not span["start"] < span["end"] or not isinstance(span["label"], str) for span in predicted):
            raise ValueError
        if task.kind == "multi_label" and not isinstance(predicted, list):
            raise TypeError
