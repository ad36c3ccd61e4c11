"""The task stage: checked splits, labels, counters, and errors that name the place."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gmlm.config import TaskConfig
from gmlm.errors import DataFormatError, EmptyCorpusError, InputNotFoundError, LabelError
from gmlm.finetuning.examples import from_json_lines
from gmlm.finetuning.files import task_files
from gmlm.finetuning.prepare import prepare_task

SPANS = TaskConfig(kind="token_classification", reader="spans_jsonl", path="task.jsonl")
LABELS = TaskConfig(kind="multi_label", reader="labels_jsonl", path="task.jsonl")
SQUAD = TaskConfig(kind="question_answering", reader="squad", path="task.jsonl")


def _lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _span_rows(count, label="A"):
    return [{"id": str(n), "text": f"Text {n}", "spans": [[0, 4, label]]} for n in range(count)]


def _prepare(make_run, tmp_path, config, content, name="x"):
    (tmp_path / "task.jsonl").write_text(content, encoding="utf-8")
    run = make_run("task", name)
    return prepare_task(config, run), run


def _read(run, name):
    return run.store.read(run.key(name))


def test_a_file_is_split_into_what_the_contract_names(make_run, tmp_path):
    manifest, run = _prepare(make_run, tmp_path, SPANS, _lines(_span_rows(20)))
    row = json.loads(_read(run, "test.jsonl").splitlines()[0])
    assert row.keys() == {"id", "text", "spans"}
    assert row["spans"] == [{"start": 0, "end": 4, "label": "A"}]
    assert json.loads(_read(run, "labels.json"))["labels"] == ["A"]
    assert {entry.path: entry.rows for entry in manifest.files if entry.rows} == {
        "train.jsonl": 14,
        "dev.jsonl": 3,
        "test.jsonl": 3,
    }
    assert manifest.kind == "task"


def test_what_comes_in_goes_out_or_is_rejected(make_run, tmp_path):
    rows = [*_span_rows(10), {"id": "0", "text": "again", "spans": []}, {"text": "no spans"}]
    manifest, run = _prepare(make_run, tmp_path, SPANS, _lines(rows))
    counters = manifest.counters
    assert counters["in"] == 12
    assert counters["in"] == counters["out"] + counters["rejected"]
    assert counters["rejected: an id that occurred before"] == counters["rejected: no list of spans"] == 1
    assert len(_read(run, "quarantine.jsonl").splitlines()) == 2


def test_equal_input_gives_equal_bytes(make_run, tmp_path):
    runs = [_prepare(make_run, tmp_path, SPANS, _lines(_span_rows(12)), name)[1] for name in ("a", "b")]
    for name in ("train.jsonl", "dev.jsonl", "test.jsonl", "labels.json"):
        assert _read(runs[0], name) == _read(runs[1], name)


def test_a_label_that_is_not_declared_names_file_record_and_label(make_run, tmp_path):
    rows = [*_span_rows(9), {"id": "p7", "text": "Text", "spans": [[0, 4, "B"]]}]
    config = SPANS.model_copy(update={"labels": ("A",)})
    with pytest.raises(LabelError, match=r"^task\.jsonl: p7: label 'B' is not one of the task's labels"):
        _prepare(make_run, tmp_path, config, _lines(rows))


def test_declared_labels_are_predicted_even_if_training_lacks_them(make_run, tmp_path):
    config = SPANS.model_copy(update={"labels": ("B", "A")})
    _, run = _prepare(make_run, tmp_path, config, _lines(_span_rows(9)))
    assert json.loads(_read(run, "labels.json"))["labels"] == ["A", "B"]


def test_a_span_label_that_only_the_test_split_has_stays_in_its_gold(make_task):
    config = SPANS.model_copy(update={"path": None, "train": "x", "dev": "x", "test": "x"})
    manifest = make_task(
        config, train=_lines(_span_rows(3)), dev=_lines(_span_rows(2)), test=_lines(_span_rows(2, label="Z"))
    )
    assert manifest.counters["left out: labels without training examples, kept in gold"] == 1
    assert manifest.counters["labels"] == 1
    assert manifest.counters["test texts that are also in train"] == 2


def test_labels_that_are_too_rare_in_training_leave_every_split(make_task, make_run):
    config = LABELS.model_copy(update={"path": None, "train": "x", "dev": "x", "test": "x", "min_label_count": 2})
    rows = [{"id": str(n), "text": f"{n}", "labels": ["often", f"once{n}"]} for n in range(3)]
    manifest = make_task(config, train=_lines(rows), dev=_lines(rows), test=_lines(rows))
    data = make_run("task").store.read(manifest.key("test.jsonl"))
    assert [example.labels for example in from_json_lines(data, config)] == [("often",)] * 3
    assert manifest.counters["left out: labels of documents, too rare in training"] == 9
    assert manifest.counters["labels"] == 1


def test_a_split_without_examples_is_refused(make_run, tmp_path):
    with pytest.raises(EmptyCorpusError, match="the test split has no examples"):
        _prepare(make_run, tmp_path, SPANS, _lines(_span_rows(2)))


def test_an_empty_file_is_refused(make_run, tmp_path):
    with pytest.raises(EmptyCorpusError, match="task x: the train split has no examples"):
        _prepare(make_run, tmp_path, SPANS, "")


def test_a_file_of_which_nothing_can_be_read_names_the_reason(make_run, tmp_path):
    with pytest.raises(DataFormatError, match=r"none of 3 records can be read \(3: no text\)"):
        _prepare(make_run, tmp_path, SPANS.model_copy(update={"text_field": "body"}), _lines(_span_rows(3)))


def test_a_missing_file_is_named(make_run):
    with pytest.raises(InputNotFoundError, match=r"task\.jsonl"):
        prepare_task(SPANS, make_run("task"))


def test_errors_and_counters_never_hold_text(make_run, tmp_path):
    rows = [{"id": "1", "text": "Geheimnis", "spans": [[0, 99, "A"]]}]
    with pytest.raises(LabelError) as raised:
        _prepare(make_run, tmp_path, SPANS, _lines(rows))
    assert "Geheimnis" not in str(raised.value)


def test_text_with_any_line_end_survives_the_split_files(make_run, tmp_path):
    odd = "a\u2028b\x85c\rd\ne\x0bf"
    rows = [{"id": str(n), "text": f"{odd}{n}", "spans": []} for n in range(5)]
    _, run = _prepare(make_run, tmp_path, SPANS, _lines(rows))
    data = b"".join(_read(run, f"{name}.jsonl") for name in ("train", "dev", "test"))
    assert {example.text for example in from_json_lines(data, SPANS)} == {row["text"] for row in rows}


def test_paths_start_at_the_study_file(tmp_path):
    assert task_files(SPANS, tmp_path) == {"path": [tmp_path / "task.jsonl"]}
    apart = SPANS.model_copy(update={"path": None, "train": "a", "dev": "b", "test": "/c"})
    assert list(task_files(apart, tmp_path)) == ["train", "dev", "test"]


def test_folders_and_globs_give_their_files_in_order(tmp_path):
    for name in ("set2.conll", "set1.conll", "set3.CONLL", "notes.txt", "more/set4.conll"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    conll = TaskConfig(kind="token_classification", reader="conll", path=".")
    names = [file.name for file in task_files(conll, tmp_path)["path"]]
    assert names == ["set4.conll", "set1.conll", "set2.conll", "set3.CONLL"]
    some = conll.model_copy(update={"path": "set[12].conll"})
    assert [file.name for file in task_files(some, tmp_path)["path"]] == ["set1.conll", "set2.conll"]
    with pytest.raises(InputNotFoundError, match=r"no file of a kind that 'brat' reads \(.ann\)"):
        task_files(conll.model_copy(update={"reader": "brat"}), tmp_path)


REAL = {
    "grascco": (
        {"reader": "spans_jsonl", "path": "de_grascco_phi/letters.jsonl", "label_field": "entities"},
        {"in": 48, "left out: spans without a label": 1},
    ),
    "germeval": (
        {"reader": "conll", "path": "de_germeval14/NER-de-dev.tsv", "token_column": 1, "label_column": 2},
        {"in": 2200, "labels": 12},
    ),
    "nts": (
        {"reader": "labels_jsonl", "path": "de_clef19_nts/nts.jsonl", "text_field": "text_de", "min_label_count": 5},
        {"in": 300},
    ),
    "xquad": ({"reader": "squad", "path": "de_xquad/xquad.de.json"}, {"in": 925}),
}
KINDS = {"labels_jsonl": "multi_label", "squad": "question_answering"}


@pytest.mark.realdata
@pytest.mark.parametrize("name", REAL)
def test_real_data_sets_are_read_by_configuration_alone(real_data, make_run, name):
    settings, expected = REAL[name]
    kind = KINDS.get(settings["reader"], "token_classification")
    config = TaskConfig(kind=kind, **settings)
    manifest = prepare_task(config, make_run("task", name, study_folder=real_data))
    assert manifest.counters["rejected"] == 0
    assert expected.items() <= manifest.counters.items()
    assert manifest.counters["test texts that are also in train"] == 0


def test_tasks_are_made_without_torch():
    code = "import sys, gmlm.finetuning.prepare; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_dev_a_part_of_train_becomes_it_by_document(make_task):
    config = SPANS.model_copy(update={"split": (0.6, 0.2, 0.2)})
    manifest = make_task(config, train=_lines(_span_rows(40)), test=_lines(_span_rows(4, label="A")))
    assert [manifest.counters[name] for name in ("train", "dev", "test")] == [30, 10, 4]
