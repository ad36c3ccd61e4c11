"""A pod ends by the exit code that says what to do with its group, and does not wait for a group that is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gmlm.errors import ConfigError, InputNotFoundError
from gmlm.kubernetes.launcher import pod_entry
from gmlm.kubernetes.launcher.pod_entry import FAILED, main, pod_exit_code
from gmlm.kubernetes.node import run_planned_node

NODE = "ingest/german"


@pytest.mark.parametrize(
    ("ranks", "code"),
    [
        ({0: 130, 1: 70}, 130),
        ({0: 70, 1: 130}, 130),
        ({0: 18, 1: 70}, 18),
        ({1: -9}, FAILED),
        ({0: 20, 1: -15}, 20),
        ({0: 0, 1: 19}, 19),
        ({}, FAILED),
    ],
)
def test_the_pod_says_what_its_ranks_say(ranks: dict[int, int], code: int) -> None:
    assert pod_exit_code(ranks) == code


def test_a_finished_node_starts_no_ranks(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rank that is started again alone, after the others have ended, would wait for them for ever."""
    run_planned_node(str(study.store), study.plan, NODE, str(study.file.parent))
    monkeypatch.setattr(pod_entry, "_run_ranks", lambda arguments: pytest.fail("ranks were started"))
    assert main([str(study.store), study.plan, NODE, ""]) == 0


def test_an_unfinished_node_starts_them(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(pod_entry, "_run_ranks", lambda arguments: given.append(arguments) or 130)
    assert main([str(study.store), study.plan, NODE, ""]) == 130
    assert given == [[str(study.store), study.plan, NODE, ""]]


def test_a_plan_that_is_not_there_is_an_error_of_ours(study: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(study.store), "plans/none/1.json", NODE, ""]) == InputNotFoundError.exit_code
    assert "plans/none/1.json" in capsys.readouterr().err


RANK = """
import os, signal, sys, time
kind, rank = sys.argv[1], int(os.environ["RANK"])
if kind == "interrupted" and rank == 1:
    sys.exit(130)
if kind == "killed" and rank == 1:
    os.kill(os.getpid(), signal.SIGKILL)
if kind == "patient":
    signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), open(sys.argv[2], "a").write("saved "), os._exit(130)))
    open(sys.argv[2], "a").write("ready ")
    time.sleep(60)
time.sleep(0.2 if kind == "well" else 60)
"""


def torchrun(tmp_path: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """The pod's process with ranks that only play."""
    (tmp_path / "ranks_of_a_test.py").write_text(RANK)
    code = (
        "import sys; from gmlm.kubernetes.launcher import pod_entry; pod_entry.RANK_MODULE = 'ranks_of_a_test'; "
        "sys.exit(pod_entry._run_ranks(sys.argv[1:]))"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[4]}",
        "PET_NNODES": "1",
        "PET_NPROC_PER_NODE": "2",
        "PET_MASTER_ADDR": "127.0.0.1",
        "PET_MASTER_PORT": "0",
        "PET_NODE_RANK": "0",
        "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": "20",
    }
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "code"), [("well", 0), ("interrupted", 130), ("killed", FAILED)])
def test_torchrun_hands_on_how_ranks_ended(tmp_path: Path, kind: str, code: int) -> None:
    assert torchrun(tmp_path, kind).wait(timeout=120) == code


@pytest.mark.slow
def test_sigterm_reaches_the_ranks_which_may_save_first(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    pod = torchrun(tmp_path, "patient", str(witness))
    deadline = time.monotonic() + 120
    while not (witness.exists() and witness.read_text().count("ready") == 2) and time.monotonic() < deadline:
        time.sleep(0.1)
    pod.send_signal(signal.SIGTERM)
    assert pod.wait(timeout=60) == 130
    assert witness.read_text().count("saved") == 2


def test_the_exit_code_of_an_error_is_its_own(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: str) -> bool:
        raise ConfigError("other work here", fix="use one image")

    monkeypatch.setattr(pod_entry, "is_finished", wrong)
    assert main([str(study.store), study.plan, NODE]) == ConfigError.exit_code
