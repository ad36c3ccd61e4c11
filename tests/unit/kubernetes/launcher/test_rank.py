"""A rank runs the node like any other pod; only the first one writes what all share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gmlm.errors import TrainingError
from gmlm.kubernetes.launcher import rank
from gmlm.kubernetes.node import run_planned_node
from gmlm.kubernetes.statuses import list_failures
from gmlm.ranks import is_first_rank
from gmlm.study.runner import scratch_folder

NODE = "ingest/german"


def test_without_torchrun_a_process_is_the_first_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert is_first_rank()
    monkeypatch.setenv("RANK", "3")
    assert not is_first_rank()


def test_ranks_share_one_scratch_folder(study: Any, opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rank 0 holds it; the second rank neither asks for the lock nor removes it."""
    import fcntl

    from gmlm.study.plan_file import read_plan

    scratch = scratch_folder(opened) / read_plan(opened, study.plan).nodes[NODE].prefix
    scratch.mkdir(parents=True)
    monkeypatch.setenv("RANK", "1")
    with (scratch / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert run_planned_node(str(study.store), study.plan, NODE, str(study.file.parent)).status == "done"
    assert scratch.is_dir()


@pytest.mark.parametrize(("number", "recorded"), [("0", 1), ("1", 0)])
def test_the_first_rank_records_why_a_node_failed(
    study: Any, opened: Any, monkeypatch: pytest.MonkeyPatch, number: str, recorded: int
) -> None:
    """The others see only that a peer is gone."""
    monkeypatch.setenv("RANK", number)
    study.failures[NODE] = TrainingError("the loss is not finite")
    with pytest.raises(TrainingError):
        run_planned_node(str(study.store), study.plan, NODE, str(study.file.parent))
    assert len(list_failures(opened, "small")) == recorded


@pytest.mark.parametrize(
    ("error", "code"), [(TrainingError("x"), 20), (KeyboardInterrupt(), 130), (RuntimeError("Patient Mustermann"), 70)]
)
def test_a_rank_ends_by_the_code_of_its_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    def fail(*_: str) -> None:
        raise error

    monkeypatch.setattr(rank, "run_planned_node", fail)
    assert rank._run(["store", "plan", NODE, ""]) == code
    assert "Mustermann" not in capfd.readouterr().err


def test_a_broken_process_group_does_not_hold_a_failed_rank(tmp_path: Path) -> None:
    """Threads that never end stand for those of a group whose peers are gone."""
    code = (
        "import threading, time; from gmlm.kubernetes.launcher import rank; "
        "threading.Thread(target=time.sleep, args=(600,)).start(); "
        "rank.main(['/nowhere/store', 'plans/none/1.json', 'pretrain/x', ''])"
    )
    ended = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True, check=False)
    assert ended.returncode == 11, ended.stderr
