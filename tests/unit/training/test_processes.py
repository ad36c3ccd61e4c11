"""Training as real processes: stopped by signals, without a compiler, and on several ranks."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

WORKER = Path(__file__).with_name("worker.py")
ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def load_worker() -> ModuleType:
    specification = importlib.util.spec_from_file_location("worker", WORKER)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signalled_process_resumes_to_the_same_bits(number: signal.Signals, tmp_path: Path) -> None:
    output = tmp_path / "stopped" / "result.pt"
    output.parent.mkdir()
    command = [sys.executable, str(WORKER), "long", str(output)]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        while int(process.stdout.readline()) < 3:
            pass
        process.send_signal(number)
        assert process.wait(30) == 130
    assert not output.exists()

    worker = load_worker()
    straight = tmp_path / "straight" / "result.pt"
    straight.parent.mkdir()
    worker.long(output, hooks=())
    worker.long(straight, hooks=())
    resumed, expected = (torch.load(file, weights_only=True) for file in (output, straight))
    assert resumed["losses"] == expected["losses"]
    for name, tensor in expected["weights"].items():
        assert torch.equal(tensor, resumed["weights"][name]), name


def without_compilers(folder: Path) -> dict[str, str]:
    """An environment whose PATH has no compiler and no ninja, and whose caches are empty."""
    folder.mkdir()
    hidden = {name: "/nonexistent" for name in ("CC", "CXX")}
    return {**ENVIRONMENT, **hidden, "PATH": str(folder), "TORCH_EXTENSIONS_DIR": str(folder / "extensions")}


@pytest.mark.slow
def test_deepspeed_needs_no_compiler(tmp_path: Path) -> None:
    output = tmp_path / "curves.json"
    command = [sys.executable, str(WORKER), "layouts", str(output)]
    subprocess.run(command, env=without_compilers(tmp_path / "bin"), check=True, timeout=200)
    curves = json.loads(output.read_text())
    for name, curve in curves.items():
        assert curve == pytest.approx(curves["torch"], rel=1e-5), name


def launch(ranks: int, mode: str, output: Path, environment: dict[str, str]) -> None:
    """Run the worker on so many ranks."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    subprocess.run([*launcher, str(WORKER), mode, str(output)], env=environment, check=True, timeout=280)


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2), (2, 2)])
def test_every_zero_stage_goes_on_from_every_other_at_another_world_size(
    before: int, after: int, tmp_path: Path
) -> None:
    launch(before, "half", tmp_path / "none", ENVIRONMENT)
    launch(after, "rest", tmp_path / "curves.json", ENVIRONMENT)
    expected = load_worker().curve("torch", tmp_path / "torch")
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert len(curves) == 16
    for name, curve in curves.items():
        assert curve == pytest.approx(expected, rel=1e-5), name


@pytest.mark.slow
def test_two_ranks_train_as_one(tmp_path: Path) -> None:
    curves = []
    for ranks in (1, 2):
        output = tmp_path / str(ranks) / "curves.json"
        output.parent.mkdir()
        launch(ranks, "layouts", output, without_compilers(tmp_path / f"bin{ranks}"))
        curves.append(json.loads(output.read_text()))
    for name, curve in curves[1].items():
        assert curve == pytest.approx(curves[0]["torch"], rel=1e-5), name
