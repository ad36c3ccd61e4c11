"""A real Prometheus watches a real study from start to end; every rule, panel and figure is asked of it.

Grafana itself is not run: its panels' queries are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.monitoring.answers import ask, defaults, moments, silent_queries
from gmlm.monitoring.dashboards import DASHBOARDS, PRETRAINING
from gmlm.monitoring.pictures import draw
from gmlm.monitoring.rules import rule_groups
from gmlm.monitoring.sources import LogSource, PrometheusSource
from tests.integration.conftest import MODELS, RULES, Watched, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TASKS = ("entities", "chapters", "questions")
NEEDS_A_GPU = {("Memory", 'gmlm_device_memory_bytes{study=~"watched"}')}
"""Title and expression of queries that only a process with a GPU answers."""
NEEDS_A_METER = {
    (
        "Power of stages",
        'sum by (stage, meter) (rate(gmlm_energy_joules_total{study=~"watched"}[$__rate_interval]))',
    )
}
"""Likewise of those that need readable RAPL or a GPU."""


def test_every_rule_is_loaded_and_evaluates_without_an_error(watched: Watched) -> None:
    expected = {
        rule.get("alert") or rule["record"] for f in RULES for group in rule_groups(f) for rule in group["rules"]
    }
    loaded = {rule["name"]: (rule["health"], rule.get("lastError", "")) for rule in watched.prometheus.rules()}
    assert set(loaded) == expected
    assert {name: state for name, state in loaded.items() if state != ("ok", "")} == {}


def test_a_study_that_goes_well_fires_no_alert(watched: Watched) -> None:
    firing = watched.prometheus.query_range(
        'ALERTS{alertstate="firing"}', watched.window.start, watched.window.end, 1.0
    )
    # After 15 minutes Prometheus rightly misses kube-state-metrics, which this machine does not have.
    assert {series.labels["alertname"] for series in firing} <= {"GmlmKubeStateMetricsAbsent"}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_every_query_of_a_dashboard_returns_data(watched: Watched, dashboard: Any) -> None:
    variables = {**defaults(dashboard), "study": "watched"}
    silent = set(silent_queries(watched.prometheus, dashboard, watched.window, variables))
    allowed = {(title, expr.replace('"watched"', '"$study"')) for title, expr in NEEDS_A_GPU | NEEDS_A_METER}
    assert silent <= allowed


def test_phases_and_checkpoints_are_marked_where_they_were(watched: Watched) -> None:
    variables = {**defaults(PRETRAINING), "study": "watched"}
    for annotation in PRETRAINING.annotations:
        found = moments(watched.prometheus, annotation, watched.window, variables)
        assert found, annotation.name
        assert all(watched.window.start <= moment <= watched.window.end for moment in found)


def test_a_picture_of_each_dashboard_is_drawn_from_the_answers(watched: Watched, tmp_path: Path) -> None:
    folder = Path(os.environ.get("GMLM_PICTURES", tmp_path))
    for dashboard in DASHBOARDS:
        target = folder / f"{dashboard.uid}.png"
        draw(watched.prometheus, dashboard, watched.window, target, {**defaults(dashboard), "study": "watched"})
        assert target.read_bytes().startswith(b"\x89PNG")
        assert target.stat().st_size > 10_000


def test_prometheus_and_the_store_agree_on_what_the_study_made(watched: Watched) -> None:
    def last(expr: str) -> float:
        (series,) = watched.prometheus.query(f"last_over_time({expr}[30m])", watched.window.end)
        return series.points[0][1]

    assert last('gmlm_training_step{model="base",stage="pretrain"}') <= 60
    assert last('gmlm_training_planned_steps{model="base",stage="pretrain"}') == 60
    expr = 'max by (outcome) (last_over_time(gmlm_documents_total{stage="ingest",study="watched"}[30m]))'
    found = watched.prometheus.query(expr, watched.window.end)
    documents = {series.labels["outcome"]: series.points[0][1] for series in found}
    assert documents["in"] == documents["out"] + documents["rejected"] > 0


def test_scores_outlive_the_process_by_the_pushgateway_and_nothing_else_does(watched: Watched) -> None:
    with urllib.request.urlopen(f"{watched.gateway}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    names = {line.split("{")[0] for line in text.splitlines() if line.startswith("gmlm_")}
    assert {"gmlm_score", "gmlm_score_low", "gmlm_score_high", "gmlm_documents_total"} <= names
    assert not any(name.startswith(("gmlm_training_step", "gmlm_training_loss", "gmlm_store")) for name in names)


def test_the_terminal_shows_scores_from_prometheus_and_trainings_from_the_log(watched: Watched) -> None:
    scores = PrometheusSource(watched.url, "watched").figures().scores
    compared = {(score.model, score.task) for score in scores if score.metric == "f1"}
    assert compared == {(model, task) for model in MODELS for task in TASKS}
    assert all(score.low <= score.value <= score.high for score in scores if score.metric == "f1")
    trainings = {training.name: training for training in LogSource(watched.run_log).figures().trainings}
    assert {"translator marian", "pretrain base 1", "finetune translated entities"} <= set(trainings)
    assert all(training.step == training.steps for training in trainings.values())


def test_no_label_and_no_log_line_holds_text_of_a_document(watched: Watched) -> None:
    words = next(note["text"] for note in read_lines(watched.world / "clinical_de" / "notes.jsonl")).split()
    phrase = " ".join(words[:4])
    with urllib.request.urlopen(f'{watched.url}/api/v1/series?match[]={{__name__=~"gmlm_.*"}}', timeout=5) as answer:
        assert phrase not in answer.read().decode()
    assert phrase not in watched.run_log.read_text()


def read_lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_stage_that_fails_fires_its_alert_with_study_and_stage_in_the_text(watched: Watched) -> None:
    study = yaml.safe_load((watched.world / "watched.yaml").read_text())
    study |= {"name": "broken", "store": "broken-runs"}
    wrong = {"reader": "csv", "path": "mimic/NOTEEVENTS.csv", "text_fields": ["NO_SUCH_COLUMN"]}
    study["sources"] = {**study["sources"], "mimic": wrong}
    (watched.world / "broken.yaml").write_text(yaml.safe_dump(study))
    command = [sys.executable, "-m", "gmlm.cli", "ingest", str(watched.world / "broken.yaml")]
    failed = subprocess.run([*command, "--pushgateway", watched.gateway], env=watched.environment, check=False)
    assert failed.returncode != 0

    def fired() -> bool:
        return bool(watched.prometheus.query('ALERTS{alertname="GmlmStageFailed",alertstate="firing",study="broken"}'))

    wait_for(fired, "the alert")
    (rule,) = [rule for rule in watched.prometheus.rules() if rule["name"] == "GmlmStageFailed"]
    assert [alert["annotations"]["summary"] for alert in rule["alerts"]] == ["Stage ingest of study broken has failed"]


def test_answers_carry_the_names_of_their_legends(watched: Watched) -> None:
    (loss,) = [panel for panel in PRETRAINING.panels if panel.title == "Loss"]
    (answer,) = ask(watched.prometheus, loss, watched.window, {**defaults(PRETRAINING), "study": "watched"})
    names = {name for name, _ in answer.series}
    assert {"pretrain base 1", "pretrain translated 1", "translator marian"} <= names
    assert "finetune base entities" in names
