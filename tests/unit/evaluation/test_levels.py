"""Levels of nested spans are scored together as GermEval 2014 does; the figures are those of its organisers."""

from __future__ import annotations

from typing import Any

import pytest

from gmlm.config import CombinedTask, EvaluationConfig, TaskConfig, parse_study
from gmlm.errors import ConfigError, ModelMismatchError
from gmlm.evaluation.evaluate import compare_cells
from gmlm.evaluation.levels import combine_levels
from gmlm.evaluation.scores import score

SPANS = TaskConfig(kind="token_classification", reader="conll", path="x")
STRICT = CombinedTask(tasks=("outer", "inner"))
LOOSE = CombinedTask(tasks=("outer", "inner"), dropped_endings=("deriv", "part"))


def spans(*labels: str, first: int = 0) -> list[dict[str, Any]]:
    return [{"start": 10 * n, "end": 10 * n + 5, "label": label} for n, label in enumerate(labels, start=first)]


def row(gold: list[dict[str, Any]], predicted: list[dict[str, Any]], name: str = "d") -> dict[str, Any]:
    return {"id": name, "gold": gold, "predicted": predicted}


def combined(settings: CombinedTask, outer: list[Any], inner: list[Any]) -> dict[str, Any]:
    cells = {"outer": {"model": {1: outer}}, "inner": {"model": {1: inner}}}
    return score(SPANS, combine_levels("both", settings, cells)["model"][1])


SAMPLE_OUTER = row(
    spans(*["PER"] * 6, "LOC", "ORG", *["OTH"] * 4), spans(*["PER"] * 6, "LOCderiv", "ORGpart", "PER", "LOC")
)
"""As many spans, and as many right ones, as in the sample that the organisers' page shows their script's output for."""
SAMPLE_INNER = row(spans("LOC"), spans(*["PER"] * 5, first=20))


@pytest.mark.parametrize(
    ("settings", "precision", "recall", "f1"),
    [(STRICT, 40.00, 46.15, 42.86), (LOOSE, 53.33, 61.54, 57.14)],
    ids=["M1, strict (official)", "M2, loose"],
)
def test_the_counts_of_the_official_sample_give_the_published_figures(
    settings: CombinedTask, precision: float, recall: float, f1: float
) -> None:
    found = combined(settings, [SAMPLE_OUTER], [SAMPLE_INNER])
    figures = [round(100 * found[name], 2) for name in ("precision", "recall", "f1")]
    assert figures == [precision, recall, f1]
    outer = score(SPANS, [SAMPLE_OUTER])  # M3: each level by itself
    assert [round(100 * outer[name], 2) for name in ("precision", "recall", "f1")] == [60.00, 50.00, 54.55]
    assert score(SPANS, [SAMPLE_INNER])["f1"] == 0


def test_the_right_span_on_the_wrong_level_is_wrong_by_any_metric() -> None:
    outer, inner = row(spans("PER"), []), row([], spans("PER"))
    for settings in (STRICT, LOOSE):
        found = combined(settings, [outer], [inner])
        assert (found["true_positives"], found["false_positives"], found["false_negatives"]) == (0, 1, 1)


def test_one_span_on_both_levels_counts_twice() -> None:
    both = row(spans("ORG"), spans("ORG"))
    assert combined(STRICT, [both], [both])["true_positives"] == 2


def test_an_ending_that_is_the_whole_label_stays() -> None:
    found = combined(LOOSE, [row(spans("part"), spans("deriv"))], [row([], [])])
    assert found["true_positives"] == 0
    assert set(found["by_label"]) == {"outer/part", "outer/deriv"}


def test_it_stands_in_the_table_and_not_in_the_mean_of_the_tasks() -> None:
    config = EvaluationConfig(
        models=("model",), baseline="base", seeds=(1, 2), resamples=100, combined={"both": STRICT}
    )
    runs = {"model": {seed: [SAMPLE_OUTER] for seed in (1, 2)}, "base": {seed: [SAMPLE_OUTER] for seed in (1, 2)}}
    inner = {"model": {1: [SAMPLE_INNER], 2: [SAMPLE_INNER]}, "base": {1: [SAMPLE_INNER]}}
    record = compare_cells(config, {"outer": SPANS, "inner": SPANS}, {"outer": runs, "inner": inner}, seed=13)
    both = record["tasks"]["both"]
    assert both["models"]["model"]["mean"] == pytest.approx(2 * 6 / 28)
    assert list(both["models"]["base"]["seeds"]) == ["1"], "a seed that lacks a level is left out"
    assert both["convention"] == STRICT.convention
    assert record["average"]["model"] == pytest.approx((12 / 22 + 0) / 2)


def test_levels_of_other_documents_are_refused() -> None:
    with pytest.raises(ModelMismatchError, match=r"evaluation\.combined\.both"):
        combined(STRICT, [row([], [], "a")], [row([], [], "b")])


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ("{both: {tasks: [outer, iner]}}", "did you mean 'inner'"),
        ("{both: {tasks: [outer, codes]}}", "'codes' is not defined"),
        ("{outer: {tasks: [outer, inner]}}", "is the name of a task"),
        ("{both: {tasks: [outer]}}", "at least 2 items"),
    ],
)
def test_a_mistake_in_the_study_is_named(levels: str, message: str) -> None:
    study = (
        "name: x\nmodels: {a: {base: hub/a}}\ntasks:\n"
        "  outer: {catalogue: germeval14, folder: f}\n  inner: {catalogue: germeval14-inner, folder: f}\n"
        "  codes: {kind: multi_label, reader: labels_jsonl, path: p}\n"
        f"evaluation: {{models: [], baseline: a, combined: {levels}}}\n"
    )
    with pytest.raises(ConfigError, match="evaluation") as caught:
        parse_study(study)
    assert message in str(caught.value)
