"""Ten thousand steps with a fault every fifty: the same weights, and memory and open files stay flat."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gmlm.config import OptimisationConfig
from gmlm.errors import InterruptedRunError, StorageError
from gmlm.training import Batch, TrainingResult, TrainingState, train

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

STEPS, EVERY = 10_000, 50
OPTIMISATION = OptimisationConfig(learning_rate=1e-3, log_every=100, checkpoint_every=20)
KINDS = ("SIGKILL", "SIGTERM", "crash in a batch", "crash in a hook", "failing disk")


class CrashError(Exception):
    """A bug, or a device that failed."""


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 1))


def batches(step: int) -> list[Batch]:
    return [{"x": torch.randn(8, 8, generator=torch.Generator().manual_seed(step))}]


class Fault:
    """Something that goes wrong at one step; as a hook and as a source of batches."""

    def __init__(self, kind: str, step: int) -> None:
        self.kind, self.step = kind, step

    def batches(self, step: int) -> list[Batch]:
        if self.kind == "crash in a batch" and step == self.step:
            raise CrashError
        return batches(step)

    def after_step(self, state: TrainingState) -> None:
        if state.step != self.step:
            return
        if self.kind == "crash in a hook":
            raise CrashError
        if self.kind in ("SIGTERM", "SIGKILL"):
            os.kill(os.getpid(), getattr(signal, self.kind))


def work(net: nn.Module, folder: Path, fault: Fault | None) -> TrainingResult:
    return train(
        net,
        loss=lambda module, batch: (module(batch["x"]) ** 2).mean(),
        batches=fault.batches if fault else batches,
        steps=STEPS,
        optimisation=OPTIMISATION,
        seed=1,
        fingerprint="soak",
        checkpoints=folder,
        hooks=[fault] if fault else [],
    )


def suffer(kind: str, step: int, folder: Path, faults: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train until a fault of a kind strikes at about a step."""
    fault = Fault(kind, step)
    if kind == "SIGKILL":
        assert faults.forked(lambda: work(model(), folder, fault)) == -9
    elif kind == "failing disk":
        with monkeypatch.context() as patch:
            patch.setattr("gmlm.training.checkpoint_place.flush", _failing(folder, step))
            with pytest.raises(StorageError):
                work(model(), folder, None)
    else:
        with pytest.raises(InterruptedRunError if kind == "SIGTERM" else CrashError):
            work(model(), folder, fault)


def _failing(folder: Path, step: int) -> Callable[[Path], None]:
    from gmlm.storage.files import flush

    def failing(path: Path) -> None:
        newest = max((int(found.name[5:]) for found in folder.glob("step-*")), default=0)
        if newest >= step - 2 * OPTIMISATION.checkpoint_every:
            raise OSError(5, os.strerror(5))
        flush(path)

    return failing


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_long_run_with_a_fault_every_fifty_steps(
    tmp_path: Path, faults: Any, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setenv("GMLM_PROGRESS", "0")
    torch.set_num_threads(1)
    draw, suffered, folder = random.Random(5), Counter[str](), tmp_path / "soak"
    memory, files = [], []
    for step in range(EVERY, STEPS, EVERY):
        kind = draw.choice(KINDS)
        suffer(kind, step - draw.randrange(10), folder, faults, monkeypatch)
        suffered[kind] += 1
        memory.append(resident())
        files.append(len(os.listdir("/proc/self/fd")))
    resumed, straight = model(), model()
    result = work(resumed, folder, None)
    expected = work(straight, tmp_path / "straight", None)
    assert result.curve == expected.curve
    for name, tensor in straight.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    tenth = len(memory) // 10
    grown = min(memory[-tenth:]) - max(memory[tenth : 2 * tenth])
    assert grown < 16 << 20, f"{grown} bytes"
    assert len(set(files[tenth:])) == 1, files
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(suffered.items()))
    record_property(
        "figure",
        f"{STEPS:,} steps, {suffered.total()} faults ({kinds}); weights and curve equal; memory grew by "
        f"{max(grown, 0) / (1 << 20):.1f} MiB, open files by 0",
    )
