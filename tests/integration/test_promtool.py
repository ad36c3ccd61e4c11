"""Prometheus' own tool takes the rules, and every alert fires where its case says so, and nowhere else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.integration

COMPONENT = Path(__file__).parents[2] / "k8s" / "components" / "monitoring"
CASES = sorted((COMPONENT / "tests").glob("*.yaml"))


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not on PATH: install Debian's package prometheus")
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, timeout=280)


def test_the_rules_are_valid():
    checked = promtool("check", "rules", *(str(file) for file in (COMPONENT / "rules").glob("*.yaml")))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count("SUCCESS") == 2


@pytest.mark.parametrize("cases", CASES, ids=lambda file: file.stem)
def test_every_case_holds(cases):
    tested = promtool("test", "rules", str(cases))
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("cases", CASES, ids=lambda file: file.stem)
def test_cases_notice_an_alert_that_never_fires(cases, tmp_path):
    """Each alert's firing case fails once its expression is silenced: no case is green by itself."""
    shutil.copytree(COMPONENT / "tests", tmp_path / "tests")
    (tmp_path / "rules").mkdir()
    for file in (COMPONENT / "rules").glob("*.yaml"):
        content = yaml.safe_load(file.read_text())
        for group in content["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    rule["expr"] = "vector(1) > 2"
        (tmp_path / "rules" / file.name).write_text(yaml.safe_dump(content))
    tested = promtool("test", "rules", str(tmp_path / "tests" / cases.name))
    firing = {case["name"].split()[0] for case in yaml.safe_load(cases.read_text())["tests"] if _fires(case)}
    assert tested.returncode != 0
    assert tested.stdout.count("got: nil") + tested.stderr.count("got: nil") == len(firing)


def _fires(case: dict) -> bool:
    return any(test["exp_samples"] for test in case["promql_expr_test"])
