"""Every alert can be read, looked up and trusted: severity, runbook, a case in which it fires and one in which not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from gmlm.monitoring.rules import rule_groups
from gmlm.telemetry import names

ROOT = Path(__file__).parents[3]
COMPONENT = ROOT / "k8s" / "components" / "monitoring"
FILES = sorted((COMPONENT / "rules").glob("*.yaml"))
RULES = [rule for file in FILES for group in rule_groups(file) for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
FOREIGN = ("DCGM_", "kube_", "up", "process_")


def named(rule: dict) -> str:
    return rule["alert"]


def section(alert: str) -> str:
    found = re.search(rf"^## {alert}$(.*?)(?=^## |\Z)", RUNBOOKS, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/runbooks.md has no section {alert}"
    return found[1]


def test_there_are_alerts():
    assert len(ALERTS) >= 20
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)


@pytest.mark.parametrize("rule", ALERTS, ids=named)
def test_an_alert_says_how_bad_it_is_and_what_it_is_about(rule):
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert len(rule["annotations"]["summary"]) < 120


@pytest.mark.parametrize("rule", ALERTS, ids=named)
def test_the_runbook_of_an_alert_has_symptom_cause_commands_and_mend(rule):
    url = rule["annotations"]["runbook_url"]
    assert url.endswith(f"docs/runbooks.md#{rule['alert'].lower()}")
    text = section(rule["alert"])
    assert [word for word in ("Symptom", "Cause", "Look", "Mend") if f"**{word}.**" not in text] == []
    assert "```" in text


def test_no_runbook_is_left_over():
    assert set(re.findall(r"^## (Gmlm\w+)$", RUNBOOKS, re.MULTILINE)) == {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("rule", ALERTS, ids=named)
def test_an_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(rule):
    cases = [
        case
        for file in (COMPONENT / "tests").glob("*.yaml")
        for case in yaml.safe_load(file.read_text())["tests"]
        if case["name"].split()[0] == rule["alert"]
    ]
    expected = [test["exp_samples"] for case in cases for test in case["promql_expr_test"]]
    assert [] in expected
    assert any(f'{{alertname="{rule["alert"]}"}}' == sample["labels"] for samples in expected for sample in samples)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_metrics_that_exist(rule):
    known = {metric.name for metric in names.METRICS}
    known |= {f"{metric.name}_{part}" for metric in names.METRICS if metric.buckets for part in ("sum", "count")}
    known |= {other["record"] for other in RULES if "record" in other}
    asked = set(re.findall(r"\b(?:gmlm_|gmlm:)[\w:]+", re.sub(r'"[^"]*"', "", rule["expr"])))
    assert asked <= known
    assert asked or rule["expr"].startswith(FOREIGN) or any(name in rule["expr"] for name in FOREIGN)


@pytest.mark.parametrize("stalled", ["GmlmTrainingStalled", "GmlmStageStalled"])
def test_what_stalls_is_paired_with_an_alert_for_what_has_vanished(stalled):
    assert stalled.replace("Stalled", "Vanished") in {rule["alert"] for rule in ALERTS}


def test_whole_sources_of_metrics_are_watched_by_absent():
    absent = {rule["alert"] for rule in ALERTS if "absent(" in rule["expr"]}
    assert absent == {"GmlmExportersAbsent", "GmlmKubeStateMetricsAbsent", "GmlmGpuMetricsAbsent"}


@pytest.mark.parametrize("rule", ALERTS, ids=named)
def test_the_tutorial_lists_an_alert_with_its_severity(rule):
    tutorial = (ROOT / "docs" / "tutorials" / "watching-a-run.md").read_text(encoding="utf-8")
    link = f"| [{rule['alert']}](../runbooks.md#{rule['alert'].lower()}) | {rule['labels']['severity']} |"
    assert link in tutorial
