"""What is committed for Grafana and the operator is what the code makes, and each panel explains itself."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from gmlm.monitoring.dashboards import DASHBOARDS
from gmlm.monitoring.generate import RULES_FILE, generated, write
from gmlm.telemetry import names

COMPONENT = Path(__file__).parents[3] / "k8s" / "components" / "monitoring"
FILES = generated(COMPONENT)
JSON = {spec.uid: json.loads(FILES[f"dashboards/{spec.uid}.json"]) for spec in DASHBOARDS}
PANELS = [(uid, panel) for uid, board in JSON.items() for panel in board["panels"] if panel["type"] != "row"]


def titled(value):
    return value if isinstance(value, str) else value.get("title", "")


@pytest.mark.parametrize("path", FILES)
def test_a_committed_file_is_the_generated_one(path):
    assert (COMPONENT / path).read_text(encoding="utf-8") == FILES[path], "run: make dashboards"


def test_writing_makes_all_of_them(tmp_path):
    (tmp_path / "rules").symlink_to(COMPONENT / "rules")
    write(tmp_path)
    assert {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.*") if file.parent.name != "rules"} == set(
        FILES
    )


def test_the_component_holds_every_dashboard_with_the_label_of_the_sidecar():
    component = yaml.safe_load((COMPONENT / "kustomization.yaml").read_text())
    files = [file for maps in component["configMapGenerator"] for file in maps["files"]]
    assert sorted(files) == sorted(path for path in FILES if path != RULES_FILE)
    assert all(maps["options"]["labels"]["grafana_dashboard"] == "1" for maps in component["configMapGenerator"])


def test_rules_are_wrapped_and_not_changed():
    wrapped = list(yaml.safe_load_all(FILES[RULES_FILE]))
    assert [each["kind"] for each in wrapped] == ["PrometheusRule"] * 2
    for each in wrapped:
        plain = COMPONENT / "rules" / f"{each['metadata']['name'].removeprefix('gmlm-')}.yaml"
        assert each["spec"] == yaml.safe_load(plain.read_text())


@pytest.mark.parametrize(("uid", "panel"), PANELS, ids=titled)
def test_a_panel_has_description_unit_thresholds_source_and_queries(uid, panel):
    assert len(panel["description"]) > 10
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["color"] == "green"
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["targets"]
    assert [target["refId"] for target in panel["targets"]] == list("ABC")[: len(panel["targets"])]
    assert all(target["expr"] and target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("uid", JSON)
def test_panels_fill_rows_without_overlapping(uid):
    taken = set()
    for panel in JSON[uid]["panels"]:
        position = panel["gridPos"]
        assert position["x"] + position["w"] <= 24
        cells = {
            (position["y"] + row, position["x"] + column)
            for row in range(position["h"])
            for column in range(position["w"])
        }
        assert not cells & taken
        taken |= cells


@pytest.mark.parametrize("uid", JSON)
def test_a_dashboard_can_choose_source_and_study_and_links_to_the_others(uid):
    board = JSON[uid]
    assert [variable["name"] for variable in board["templating"]["list"]][:2] == ["datasource", "study"]
    assert board["links"][0]["tags"] == board["tags"] == ["gmlm"]
    used = set(re.findall(r"\$(\w+)", json.dumps([target for _, p in PANELS if _ == uid for target in p["targets"]])))
    known = {variable["name"] for variable in board["templating"]["list"]}
    assert {name for name in used if not name.startswith("__")} <= known


@pytest.mark.parametrize("uid", ["gmlm-study", "gmlm-pretraining"])
def test_phases_and_checkpoints_are_marked(uid):
    marks = {mark["name"]: mark["expr"] for mark in JSON[uid]["annotations"]["list"]}
    assert set(marks) == {"phases begin", "checkpoints"}
    assert names.CHECKPOINT.name in marks["checkpoints"]


@pytest.mark.parametrize(("uid", "panel"), PANELS, ids=titled)
def test_a_panel_asks_for_metrics_that_exist(uid, panel):
    known = {metric.name for metric in names.METRICS}
    known |= {f"{metric.name}_{part}" for metric in names.METRICS if metric.buckets for part in ("sum", "count")}
    for target in panel["targets"]:
        asked = set(re.findall(r"\bgmlm_\w+", target["expr"]))
        assert asked <= known
        assert asked or "DCGM_" in target["expr"] or "process_" in target["expr"]


def test_every_metric_worth_watching_is_in_a_rule_or_on_a_dashboard():
    text = " ".join(FILES.values())
    seen_elsewhere = {names.BUILD.name, names.STAGE_END.name}
    assert [m.name for m in names.METRICS if m.name not in text and m.name not in seen_elsewhere] == []
