"""A node of a training's group is lost: the others end in bounded time, and one alone goes on from the checkpoint."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKER = ROOT / "tests/unit/training/worker.py"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "DS_ACCELERATOR": "cpu"}
STEPS = 40
BOUND = 120.0
"""Seconds within which those that are left must end."""


def start_node(rank: int, port: int, output: Path) -> subprocess.Popen[str]:
    """One node of two: its torchrun, which starts its worker."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    place = [f"--node-rank={rank}", "--master-addr=127.0.0.1", f"--master-port={port}"]
    command = [*launcher, *place, str(WORKER), "group", str(output)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env=ENVIRONMENT, start_new_session=True, text=True, **streams)


def kill_node(node: subprocess.Popen[str], rank: int, folder: Path) -> None:
    """As by a loss of power: torchrun, and its worker, which has a session of its own."""
    os.killpg(node.pid, signal.SIGKILL)
    with suppress(ProcessLookupError, FileNotFoundError):
        os.kill(int((folder / f"rank-{rank}.pid").read_text()), signal.SIGKILL)


def wait_for_step(node: subprocess.Popen[str], step: int, checkpoints: Path) -> int:
    """Wait until this step is done and a checkpoint is whole; the step that it is at."""
    for line in node.stdout:
        if line.strip().isdecimal() and int(line) >= step and any(checkpoints.glob("step-*/state.json")):
            return int(line)
    pytest.fail(f"the group ended before step {step} and a checkpoint")


def alone(output: Path) -> list[int]:
    """Train, or go on, in one process: the steps that it did."""
    command = [sys.executable, str(WORKER), "group", str(output)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=280, check=True)
    return [int(line) for line in done.stdout.splitlines() if line.strip().isdecimal()]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_lost_node_ends_the_group_and_one_process_goes_on_from_its_checkpoint(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name in ("group", "straight"):
        (tmp_path / name).mkdir()
    output = tmp_path / "group" / "losses.json"
    first, second = (start_node(rank, port, output) for rank in (0, 1))
    try:
        at = wait_for_step(first, 7, output.parent / "checkpoints")
        kill_node(second, 1, tmp_path / "group")
        lost = time.monotonic()
        assert first.wait(BOUND) != 0
        seconds = time.monotonic() - lost
    finally:
        for rank, node in enumerate((first, second)):
            if node.poll() is None:
                kill_node(node, rank, tmp_path / "group")
            node.communicate()
    assert not output.exists()
    steps = alone(output)
    alone(tmp_path / "straight" / "losses.json")
    resumed, straight = (json.loads((tmp_path / name / "losses.json").read_text()) for name in ("group", "straight"))
    assert steps == list(range(steps[0], STEPS + 1))
    assert 1 < steps[0] < STEPS
    assert resumed["group"] == pytest.approx(straight["group"], rel=1e-5)
    record_property(
        "figure",
        f"one of 2 nodes killed at step {at}: the other ended after {seconds:.0f} s; one process went on at step "
        f"{steps[0]} of {STEPS} with the losses of an undisturbed run (to 1e-5)",
    )
