"""The headline: comparisons corrected together, and missing cells in sight."""

from __future__ import annotations

import copy

import pytest

from gmlm.multiple_testing import holm
from gmlm.report.headline import read_headline
from gmlm.report.summary import summary_table


@pytest.fixture
def scores(new_study):
    return new_study("scores").scores


@pytest.fixture
def evaluation(new_study):
    return new_study("evaluation").evaluation


def rows(headline):
    return {(row.task, row.model): row for task in headline.tasks for row in task.scores}


def test_baseline_comes_first_and_is_marked(scores, evaluation):
    for task in read_headline(scores, evaluation).tasks:
        assert [row.model for row in task.scores] == ["base", "general", "continued"]
        assert [row.is_baseline for row in task.scores] == [True, False, False]


def test_correction_is_over_all_comparisons_of_the_study(scores, evaluation):
    found = [row.comparison for row in rows(read_headline(scores, evaluation)).values() if row.comparison]
    assert [c.p_holm for c in found] == holm([c.p for c in found])
    assert len(found) == 6


def test_a_difference_can_lose_its_significance_by_the_correction(scores, evaluation):
    general = rows(read_headline(scores, evaluation))["findings", "general"].comparison
    assert general.p < 0.05 < general.p_holm
    assert not general.significant


def test_level_follows_the_confidence(scores, evaluation):
    strict = read_headline(scores, {**evaluation, "confidence": 0.99})
    assert strict.level == 0.01
    assert not rows(strict)["questions", "continued"].comparison.significant


def test_findings_count_tasks_and_significance(scores, evaluation):
    assert read_headline(scores, evaluation).findings() == [
        "general scores above base on 2 of 3 tasks, significantly on none.",
        "continued scores above base on 3 of 3 tasks, significantly on 3.",
    ]


def test_findings_do_not_hide_a_significant_loss(scores, evaluation):
    scores["tasks"]["codes"]["comparisons"]["general"] |= {"difference": -0.05, "p": 0.0001}
    assert "significantly below it on 1" in read_headline(scores, evaluation).findings()[0]


def test_missing_seed_is_named(scores, evaluation):
    del scores["tasks"]["codes"]["models"]["base"]["seeds"]["2"]
    headline = read_headline(scores, evaluation)
    assert headline.missing == ("base--codes--2",)
    assert rows(headline)["codes", "base"].missing_seeds == ("2",)


def test_model_without_any_cell_keeps_its_row(scores, evaluation):
    task = scores["tasks"]["codes"]
    del task["models"]["continued"], task["comparisons"]["continued"]
    headline = read_headline(scores, evaluation)
    assert rows(headline)["codes", "continued"].mean is None
    assert headline.missing == tuple(f"continued--codes--{seed}" for seed in (1, 2, 3))


def test_task_without_any_cell_keeps_its_rows(scores, evaluation):
    del scores["tasks"]["questions"]
    headline = read_headline(scores, evaluation)
    assert [task.task for task in headline.tasks] == ["findings", "codes", "questions"]
    assert len(headline.missing) == 9


def test_reported_and_derived_missing_cells_are_listed_once(scores, evaluation):
    del scores["tasks"]["codes"]["models"]["base"]["seeds"]["2"]
    scores["missing"] = ["base--codes--2"]
    assert read_headline(scores, evaluation).missing == ("base--codes--2",)


def test_summary_shows_the_same_figures(scores):
    lines = summary_table(scores).splitlines()
    row = next(line for line in lines if line.startswith("findings") and "continued" in line)
    assert row.split("  ")[0] == "findings (micro F1)"
    assert "78.8  [76.6, 80.7]  +7.4 [+5.6, +9.1]  0.002 *" in row
    assert lines[-1] == "* significant at 0.05 after Holm's correction over 6 comparisons"


def test_summary_takes_level_and_plan_from_the_evaluation(scores, evaluation):
    del scores["tasks"]["questions"]
    text = summary_table(scores, {**evaluation, "confidence": 0.99})
    assert "99% interval" in text
    assert "significant at 0.01" in text
    assert "missing cells: base--questions--1" in text


def test_summary_is_aligned(scores):
    lines = [line for line in summary_table(scores).splitlines() if line.startswith(("findings", "codes", "questions"))]
    assert len({line.index("[") for line in lines}) == 1
    assert len(lines) == 9


def test_summary_names_missing_cells(scores):
    del scores["tasks"]["codes"]["models"]["base"]["seeds"]["2"]
    assert summary_table(scores).endswith("missing cells: base--codes--2")


def test_summary_of_nothing_says_so():
    assert summary_table({"tasks": {}, "average": {}, "missing": []}) == "No task was scored."


def test_scores_are_not_changed(scores, evaluation):
    before = copy.deepcopy(scores)
    read_headline(scores, evaluation)
    assert scores == before
