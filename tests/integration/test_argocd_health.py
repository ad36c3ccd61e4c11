"""Argo CD's health checks, run by Lua itself over states that controllers write."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.integration

SETTINGS = Path(__file__).resolve().parents[2] / "k8s" / "gitops" / "argocd" / "settings" / "argocd-cm.yaml"
PREFIX = "resource.customizations.health."
TRAINJOB, QUEUE = "trainer.kubeflow.org_TrainJob", "kueue.x-k8s.io_ClusterQueue"
VERSION, LOCAL = "pipelines.kubeflow.org_PipelineVersion", "kueue.x-k8s.io_LocalQueue"


def condition(kind: str, status: str = "True", reason: str = "Said") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": f"{kind} is {status}"}


def as_lua(value: Any) -> str:
    """A value as Lua spells it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{json.dumps(key)}] = {as_lua(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(map(as_lua, value)) + "}"
    return json.dumps(value)


def health(name: str, *conditions: dict[str, str], seen: bool = True) -> list[str]:
    """Status and message that a check gives for an object with these conditions."""
    lua = shutil.which("lua5.4") or shutil.which("lua")
    if lua is None:
        pytest.skip("Lua is not on PATH (Debian: lua5.4): Argo CD's health checks cannot be run")
    script = yaml.safe_load(SETTINGS.read_text())["data"][PREFIX + name]
    state = {"status": {"conditions": list(conditions)}} if seen else {}
    program = f"""
    local obj = {as_lua(state)}
    local function check() {script} end
    local found = check()
    print(found.status)
    print(found.message)
    """
    done = subprocess.run([lua, "-"], input=program, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("name", "conditions", "status"),
    [
        (TRAINJOB, [], "Progressing"),
        (TRAINJOB, [condition("Suspended")], "Suspended"),
        (TRAINJOB, [condition("Suspended", "False")], "Progressing"),
        (TRAINJOB, [condition("Suspended", "False"), condition("Complete")], "Healthy"),
        (TRAINJOB, [condition("Suspended"), condition("Failed")], "Degraded"),
        (QUEUE, [condition("Active")], "Healthy"),
        (QUEUE, [condition("Active", "False")], "Degraded"),
        (QUEUE, [], "Progressing"),
        (LOCAL, [condition("Active")], "Healthy"),
        (LOCAL, [condition("Active", "False")], "Degraded"),
        (VERSION, [], "Healthy"),
        (VERSION, [condition("PipelineVersionStatus", reason="READY")], "Healthy"),
        (VERSION, [condition("PipelineVersionStatus", reason="CREATING")], "Progressing"),
        (VERSION, [condition("PipelineVersionStatus", reason="DELETING")], "Degraded"),
    ],
)
def test_a_state_is_told_as_what_it_is(name: str, conditions: list[dict[str, str]], status: str) -> None:
    assert health(name, *conditions)[0] == status


def test_the_controllers_own_words_are_shown() -> None:
    assert health(QUEUE, condition("Active", "False"))[1] == "Active is False"


@pytest.mark.parametrize("name", [TRAINJOB, QUEUE, LOCAL])
def test_what_no_controller_has_seen_yet_is_not_healthy(name: str) -> None:
    assert health(name, seen=False)[0] == "Progressing"


def test_every_check_is_tested() -> None:
    settings = yaml.safe_load(SETTINGS.read_text())["data"]
    assert {key.removeprefix(PREFIX) for key in settings} == {TRAINJOB, QUEUE, LOCAL, VERSION}
