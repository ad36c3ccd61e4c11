"""Predictions of other systems are read from what they write, and joined with the task's gold."""

from __future__ import annotations

import json

import pytest

from gmlm.config import ImportConfig, TaskConfig
from gmlm.errors import DataFormatError
from gmlm.evaluation.predictions import import_predictions, read_file

LABELS = TaskConfig(kind="multi_label", reader="labels_jsonl", path="x")
SPANS = TaskConfig(kind="token_classification", reader="spans_jsonl", path="x")
ANSWERS = TaskConfig(kind="question_answering", reader="squad", path="x")
TEST = [{"id": "a", "text": "t", "labels": ["I10"]}, {"id": "b", "text": "t", "labels": []}]


@pytest.fixture
def import_file(make_run, tmp_path):
    """Import a file of predictions of the two test documents: manifest, rows and scores."""

    def run_it(name, content, task=LABELS, test=TEST):
        (tmp_path / name).write_text(content, encoding="utf-8")
        source = make_run("task", "codes")
        data = "".join(json.dumps(row) + "\n" for row in test).encode()
        inputs = {"task": source.publish("task", task, [source.write("test.jsonl", data)])}
        run = make_run("import", name, inputs=inputs)
        made = import_predictions(ImportConfig(task=task, path=name), run)
        rows = [json.loads(line) for line in run.store.read(made.key("predictions.test.jsonl")).splitlines()]
        return made, rows, json.loads(run.store.read(made.key("scores.json")))

    return run_it


def test_the_columns_of_clef_ehealth_are_read(import_file):
    made, rows, scores = import_file("system.tsv", "b\t\na\tI10|E11\n")
    assert rows == [
        {"id": "a", "gold": ["I10"], "predicted": ["E11", "I10"]},
        {"id": "b", "gold": [], "predicted": []},
    ]
    assert scores["test"]["precision"] == 0.5
    assert made.counters == {"in": 2, "out": 2, "rejected": 0, "unanswered": 0}


def test_a_document_without_prediction_counts_as_one_where_nothing_was_found(import_file):
    made, rows, _ = import_file("system.jsonl", '{"id": "b", "predicted": ["I10"]}\n')
    assert rows[0]["predicted"] == []
    assert made.counters["unanswered"] == 1


def test_the_answers_of_squads_format_are_read(import_file):
    test = [{"id": "q", "answers": [{"text": "links", "start": 3}]}, {"id": "r", "answers": []}]
    _, rows, scores = import_file("system.json", '{"q": "links", "r": ""}', ANSWERS, test)
    assert rows[0]["predicted"] == {"text": "links", "start": None}
    assert scores["test"]["f1"] == 1.0


def test_predictions_of_other_documents_are_refused_without_naming_them(import_file):
    with pytest.raises(DataFormatError, match="1 of 2 predictions are of documents that are not in the test set"):
        import_file("system.tsv", "a\tI10\nzzz\tI10\n")


@pytest.mark.parametrize(
    ("name", "content", "task"),
    [
        ("a.jsonl", "not json\n", LABELS),
        ("a.jsonl", '{"id": "a"}\n', LABELS),
        ("a.jsonl", '{"id": "a", "predicted": "I10"}\n', LABELS),
        ("a.jsonl", '{"id": "a", "predicted": [1]}\n', LABELS),
        ("a.jsonl", '{"id": 7, "predicted": []}\n', LABELS),
        ("a.jsonl", '{"id": "a", "predicted": [{"start": 3, "end": 3, "label": "A"}]}\n', SPANS),
        ("a.jsonl", '{"id": "a", "predicted": [{"start": 3, "end": 5}]}\n', SPANS),
        ("a.jsonl", '{"id": "a", "predicted": {"answer": "x"}}\n', ANSWERS),
        ("a.json", '["x"]', ANSWERS),
        ("a.json", '{"q": 1}', ANSWERS),
        ("a.tsv", "\udcff".encode("utf-8", "surrogateescape").decode("latin-1") + "\tx", SPANS),
    ],
)
def test_what_is_no_prediction_of_the_kind_is_refused(tmp_path, name, content, task):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataFormatError, match=f"no predictions of a {task.kind} task"):
        read_file(tmp_path / name, task)


def test_a_document_may_be_predicted_once(tmp_path):
    (tmp_path / "a.tsv").write_text("a\tI10\na\tI11\n")
    with pytest.raises(DataFormatError, match="more than once"):
        read_file(tmp_path / "a.tsv", LABELS)


@pytest.mark.realdata
@pytest.mark.parametrize(("system", "f1"), [("baseline-de", 0.6640), ("biobert-en", 0.7302)])
def test_published_predictions_keep_their_score_when_imported(real_data, make_run, system, f1):
    folder = real_data / "de_clef19_nts"
    gold = read_file(folder / "gold_all_407.tsv", LABELS)
    source = make_run("task", "nts")
    data = "".join(json.dumps({"id": name, "labels": codes}) + "\n" for name, codes in gold.items()).encode()
    inputs = {"task": source.publish("task", LABELS, [source.write("test.jsonl", data)])}
    path = str(folder / f"{system}_preds_test.txt")
    made = import_predictions(ImportConfig(task=LABELS, path=path), make_run("import", system, inputs=inputs))
    assert round(made.metrics["test_f1"], 4) == f1
