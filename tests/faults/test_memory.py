"""A process that may not have the memory for a batch: an address space with a limit, as `ulimit -v` sets it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

STEPS, ROWS, WIDTH = 2, 8192, 8192
TRAINING = f"""
import json, resource, sys
import torch
from torch import nn
from gmlm.config import OptimisationConfig
from gmlm.training import train
from gmlm.training.interface import WEIGHT

class Rows:
    def __init__(self, size):
        self.size = size
    def __call__(self, step):
        x = torch.randn({ROWS}, 64, generator=torch.Generator().manual_seed(step))
        return [{{"x": part, WEIGHT: torch.tensor(float(len(part)))}} for part in x.split(self.size)]
    def halved(self):
        return Rows(self.size // 2) if self.size > smallest else None

class Halvings:
    def after_step(self, state):
        self.done = state.halvings

torch.manual_seed(0)
torch.set_num_threads(1)
room, smallest = map(int, sys.argv[1:])
model, halvings = nn.Sequential(nn.Linear(64, {WIDTH}), nn.Tanh(), nn.Linear({WIDTH}, 1)), Halvings()
(model(torch.randn(4, 64)) ** 2).mean().backward()  # what threads and libraries need
model.zero_grad()
if room:
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + room * 2**20, -1))
result = train(
    model,
    loss=lambda model, batch: (model(batch["x"]) ** 2).mean(),
    batches=Rows({ROWS}),
    steps={STEPS},
    optimisation=OptimisationConfig(learning_rate=1e-3, log_every=1),
    seed=1,
    fingerprint="f",
    hooks=[halvings],
)
print(json.dumps([halvings.done, [point.loss for point in result.curve]]))
"""
"""One batch needs some 800 MiB: two layers' outputs and a gradient of 256 MiB each."""


def train_with(room: int, smallest: int = 1) -> subprocess.CompletedProcess[str]:
    """The training with so many MiB beyond what the process has, 0 for no limit, and at least so many rows at once."""
    command = [sys.executable, "-c", TRAINING, str(room), str(smallest)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_batch_too_large_for_the_machine_is_trained_in_parts(record_property: Callable[[str, object], None]) -> None:
    halvings, losses = json.loads(train_with(0).stdout)
    done = train_with(300)
    assert done.returncode == 0, done.stderr[-2000:]
    halved, same = json.loads(done.stdout)
    assert halvings == 0
    assert halved >= 1
    assert same == pytest.approx(losses, rel=1e-5)
    record_property("figure", f"300 MiB for a batch that needs 800: trained in {2**halved} parts to the same losses")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_machine_too_small_for_the_smallest_part_is_a_clear_error() -> None:
    failed = train_with(100, smallest=ROWS)
    assert failed.returncode == 1
    assert "TrainingError: step 1: out of memory" in failed.stderr
    assert "micro_batch_tokens" in failed.stderr
