"""How a group is, from conditions, pods and logs as Kubernetes writes them."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from gmlm.kubernetes.launcher.state import GroupState, first_pod, is_blocked, last_progress, state_of
from gmlm.telemetry.logs import JsonLines
from gmlm.telemetry.progress import Lines


def group(*conditions: tuple[str, str], **metadata: Any) -> dict[str, Any]:
    made = [{"type": kind, "status": status, "reason": "R", "message": "m"} for kind, status in conditions]
    return {"metadata": {"name": "x", **metadata}, "status": {"conditions": made}}


@pytest.mark.parametrize(
    ("found", "phase"),
    [
        ({"metadata": {"name": "x"}}, "running"),
        (group(), "running"),
        (group(("Suspended", "False")), "running"),
        (group(("Suspended", "True")), "suspended"),
        (group(("SuccessCriteriaMet", "True"), ("Complete", "True")), "complete"),
        (group(("Completed", "True")), "complete"),
        (group(("FailureTarget", "True")), "running"),
        (group(("Complete", "True"), deletionTimestamp="now"), "going"),
    ],
)
def test_phases(found: dict[str, Any], phase: str) -> None:
    assert state_of(found).phase == phase


def test_a_failure_has_its_reason() -> None:
    assert state_of(group(("FailureTarget", "True"), ("Failed", "True"))) == GroupState("failed", "R", "m")


def test_the_line_that_training_prints_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines("Pretrain base on general", total=600, unit="step", done=0)
    lines.show(loss=5.0613)
    lines._printed -= 60
    lines.advance(20)
    progress = last_progress(capsys.readouterr().err)
    assert progress is not None
    assert (progress.step, progress.steps, progress.loss) == (20, 600, "5.061")
    assert str(progress) == "20 of 600 step, loss 5.061"


@pytest.mark.parametrize("loss", ["nan", "inf", "1.2e+03"])
def test_a_loss_that_runs_away_is_passed_on(loss: str) -> None:
    progress = last_progress(f"Pretrain b on c: 2 of 9 step (22%), 3 step/s, loss {loss}\n")
    assert progress is not None
    assert progress.loss == loss


def test_the_json_log_of_training_is_understood() -> None:
    record = logging.LogRecord("gmlm.training.hooks", logging.INFO, "x", 1, "training", None, None)
    vars(record).update(stage="pretrain", step=30, steps=600, loss=4.12345)
    progress = last_progress(JsonLines().format(record) + "\n{}\n[1]\n")
    assert str(progress) == "30 of 600 step, loss 4.123"


def test_a_log_without_progress_gives_none() -> None:
    assert last_progress("") is None
    assert last_progress('{"message": "stage started", "step": 1, "steps": 2, "loss": 1}\n') is None
    assert last_progress("Der Patient nahm 3 of 9 Tabletten\n") is None


def pod(name: str, index: str, phase: str, **state: Any) -> dict[str, Any]:
    labels = {"batch.kubernetes.io/job-completion-index": index}
    return {
        "metadata": {"name": name, "labels": labels},
        "status": {"phase": phase, "containerStatuses": [{"name": "node", "state": state}]},
    }


def test_rank_0_is_found_among_pods() -> None:
    pods = [pod("a", "1", "Running"), pod("b", "0", "Failed"), pod("c", "0", "Running")]
    assert first_pod(pods) == "c"
    assert first_pod(pods[:2]) is None


def test_a_pod_that_only_starts_is_not_blocked() -> None:
    assert not is_blocked([pod("a", "0", "Pending", waiting={"reason": "ContainerCreating"})])
    assert not is_blocked([{"metadata": {"name": "a"}, "status": {"phase": "Pending"}}])
    assert is_blocked([pod("a", "0", "Pending", waiting={"reason": "InvalidImageName"})])
