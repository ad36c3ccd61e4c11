"""Grafana's variables are filled in as Grafana does, and series get the names of their legend."""

from __future__ import annotations

import pytest

from gmlm.monitoring.answers import Window, ask, defaults, expand, legend, moments, silent_queries
from gmlm.monitoring.dashboards import DASHBOARDS, GPUS, PRETRAINING
from gmlm.monitoring.panels import Annotation, DashboardSpec, Panel, Query, of, rate
from gmlm.monitoring.prometheus import Prometheus
from gmlm.telemetry import names

WINDOW = Window(0.0, 3600.0, 15.0)


def matrix(*labels: dict[str, str]) -> dict:
    result = [{"metric": each, "values": [[1.0, "2"], [16.0, "3"]]} for each in labels]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ('x{study=~"$study"}', 'x{study=~"demo"}'),
        ("rate(x[$__rate_interval])", "rate(x[60s])"),
        ("changes(x[$__interval])", "changes(x[30s])"),
        ("y[$__range:1m] * $__range_s", "y[3600s:1m] * 3600"),
        ('x{model=~"$model"} * $price', 'x{model=~".*"} * 2.5'),
    ],
)
def test_variables_are_filled_in(expr, expected):
    assert expand(expr, WINDOW, {"study": "demo", "price": "2.5"}) == expected


def test_a_rate_spans_four_scrapes_at_least():
    assert expand("[$__rate_interval]", Window(0, 100, 0.5), {}) == "[2s]"
    assert expand("[$__rate_interval]", Window(0, 86400, 15), {}) == "[360s]"


def test_a_legend_has_the_values_of_its_labels_and_no_gaps():
    assert legend("{{stage}} {{ model }} {{task}} {{phase}}", {"stage": "pretrain", "model": "m", "phase": "1"}) == (
        "pretrain m 1"
    )
    assert legend("words", {}) == "words"


def test_selectors_name_the_study_and_take_alternatives_and_variables():
    assert of(names.STEP) == 'gmlm_training_step{study=~"$study"}'
    assert of(names.SCORE, metric="bleu|chrf") == 'gmlm_score{study=~"$study",metric=~"bleu|chrf"}'
    assert of(names.STEP, stage="$stage") == 'gmlm_training_step{study=~"$study",stage=~"$stage"}'
    assert rate(names.STEP_SECONDS, part="_sum").startswith("rate(gmlm_training_step_seconds_sum{")


def test_what_a_panel_asks_is_asked_over_the_window(server):
    server.replies = [matrix({"model": "a"}, {"model": "b"})]
    panel = Panel("Loss", "The loss.", (Query('x{study=~"$study"}', "{{model}}"),))
    (answer,) = ask(Prometheus(server.url), panel, WINDOW, {"study": "demo"})
    assert [name for name, _ in answer.series] == ["a", "b"]
    assert server.asked[0][1] == {"query": 'x{study=~"demo"}', "start": "0.000", "end": "3600.000", "step": "15.000"}


def test_silent_queries_are_named(server):
    server.replies = [matrix({}), matrix()]
    panels = (Panel("Loud", "Has data.", (Query("a", "a"),)), Panel("Silent", "Has none.", (Query("b", "b"),)))
    board = DashboardSpec("uid", "Title", "A board.", {"Row": panels})
    assert list(silent_queries(Prometheus(server.url), board, WINDOW, {})) == [("Silent", "b")]


def test_annotations_are_moments(server):
    server.replies = [matrix({"a": "1"}, {"a": "2"})]
    assert moments(Prometheus(server.url), Annotation("marks", "x", "blue"), Window(0.0, 60.0, 5.0), {}) == [1.0, 16.0]


def test_moments_without_a_gap_are_one(server):
    server.replies = [matrix({"a": "1"})]
    assert moments(Prometheus(server.url), Annotation("marks", "x", "blue"), WINDOW, {}) == [1.0]


def test_defaults_are_everything_or_a_text():
    assert defaults(PRETRAINING) == {"study": ".*", "stage": ".*", "model": ".*"}
    assert defaults(GPUS)["price"] == "2.50"


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.uid)
def test_no_variable_of_a_dashboard_stays_unfilled(dashboard):
    for panel in dashboard.panels:
        for query in panel.queries:
            assert "$" not in expand(query.expr, WINDOW, defaults(dashboard))
