"""The catalogue fills in tasks, and what a study gives itself goes before it."""

from __future__ import annotations

import pytest

from gmlm.config import TaskConfig, parse_study
from gmlm.config.catalogue import catalogue_names, entry_of
from gmlm.config.report import ReportSettings
from gmlm.errors import ConfigError
from gmlm.study.graph import build_graph

STUDY = "name: s\ntasks:\n  t: {{{}}}\n"


def _task(keys):
    return parse_study(STUDY.format(keys)).tasks["t"]


@pytest.mark.parametrize("name", catalogue_names())
def test_an_entry_makes_a_valid_task_and_making_it_again_changes_nothing(name):
    task = TaskConfig(catalogue=name, folder="data", train="own.json" if name == "mlqa-de" else None)
    assert (task.kind, task.reader) == (entry_of(name).task["kind"], entry_of(name).task["reader"])
    assert TaskConfig.model_validate(task.model_dump()) == task


def test_an_entry_knows_the_files_below_the_folder():
    task = _task("catalogue: ggponc2, folder: /d/conll/fine/long/")
    assert (task.train, task.test, task.path) == (
        "/d/conll/fine/long/train_*.conll",
        "/d/conll/fine/long/test_*.conll",
        None,
    )
    assert _task("catalogue: grascco, folder: /d").path == "/d"
    assert _task("catalogue: xquad-de, folder: /d").path == "/d/xquad.de.json"


@pytest.mark.parametrize(
    ("fold", "parts"), [(1, ("[345]", "2", "1")), (3, ("[125]", "4", "3")), (5, ("[234]", "1", "5"))]
)
def test_a_fold_is_tested_on_the_next_developed_on_and_the_others_trained_on(fold, parts):
    task = _task(f"catalogue: bronco150, folder: d, fold: {fold}")
    assert (task.train, task.dev, task.test) == tuple(f"d/conllIOBTags/randomSentSet{part}.CONLL" for part in parts)
    assert task.label_column == -1


def test_what_the_study_gives_goes_before_the_catalogue():
    task = _task("catalogue: germanquad, folder: d, dev: mine.json, article_stripping: none")
    assert (task.train, task.dev, task.article_stripping) == ("d/GermanQuAD_train.json", "mine.json", "none")
    assert _task("catalogue: grascco, path: letters, reader: cas").reader == "cas"


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ("catalogue: bronco", "did you mean 'bronco150'"),
        ("catalogue: bronco150, folder: d, fold: 6", "'fold' must be from 1 to 5"),
        ("catalogue: xquad-de, folder: d, fold: 1", "has no folds"),
        ("catalogue: bronco150", "give either 'path'"),
        ("kind: multi_label, reader: labels_jsonl, path: x, folder: d", "of a task of the 'catalogue'"),
    ],
)
def test_a_mistake_names_what_to_do(keys, what):
    with pytest.raises(ConfigError, match=what):
        _task(keys)


def test_the_scores_of_the_paper_are_those_of_its_model_cards():
    found = {name: entry_of(name).published[0] for name in ("bronco150", "radqa-de", "grascco", "ggponc2")}
    assert all("2404.05694" in scores.source for scores in found.values())
    gains = {
        name: round(scores.f1["GBERT-BioM-Translation-base"] - scores.f1["GBERT-base"], 3)
        for name, scores in found.items()
    }
    assert gains == {"bronco150": 0.009, "radqa-de": 0.014, "grascco": 0.019, "ggponc2": 0.010}


def test_the_report_shows_what_is_published_on_tasks_of_the_catalogue():
    study = parse_study(STUDY.format("catalogue: bronco150, folder: d") + "  u: {catalogue: xquad-de, folder: d}\n")
    assert build_graph(study)["report/s"].config.settings.published == {"t": "bronco150"}
    with pytest.raises(ValueError, match="no published scores of 'xquad-de'"):
        ReportSettings(published={"t": "xquad-de"})
