"""The loop: resumes exactly, weights micro-batches, stops on NaN."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from gmlm.config import OptimisationConfig
from gmlm.errors import CheckpointMismatchError, TrainingError
from gmlm.training import Batch, TrainingResult, TrainingState, train

OPTIMISATION = OptimisationConfig(learning_rate=1e-2, warmup_ratio=0.2, log_every=1)


def small_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Tanh(), nn.Linear(8, 1))


def squared_error(model: nn.Module, batch: Batch) -> torch.Tensor:
    return ((model(batch["x"]) - batch["y"]) ** 2).mean()


def batches(step: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(6, 4, generator=generator)
    return [{"x": x, "y": x.sum(1, keepdim=True)}]


def run(model: nn.Module, steps: int = 6, fingerprint: str = "a", **options: object) -> TrainingResult:
    settings = {"loss": squared_error, "batches": batches, "optimisation": OPTIMISATION, "seed": 1, **options}
    return train(model, steps=steps, fingerprint=fingerprint, **settings)


class StopAfter:
    """Fails after a step, as a crash would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def after_step(self, state: TrainingState) -> None:
        if state.step == self.step:
            raise RuntimeError("crash")


def test_a_crashed_run_resumes_to_the_same_bits(tmp_path: Path) -> None:
    straight, resumed = small_model(), small_model()
    expected = run(straight)
    every_two = OPTIMISATION.model_copy(update={"checkpoint_every": 2})
    with pytest.raises(RuntimeError):
        run(resumed, optimisation=every_two, checkpoints=tmp_path, hooks=[StopAfter(5)])
    fresh = small_model()
    assert run(fresh, optimisation=every_two, checkpoints=tmp_path) == expected
    for a, b in zip(straight.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(a, b)


def test_training_lowers_the_loss() -> None:
    result = run(small_model(), steps=200)
    assert result.curve[-1].loss < result.curve[0].loss / 2


def test_a_checkpoint_of_other_work_is_refused(tmp_path: Path) -> None:
    run(small_model(), checkpoints=tmp_path, fingerprint="a")
    with pytest.raises(CheckpointMismatchError):
        run(small_model(), checkpoints=tmp_path, fingerprint="b")


def test_a_loss_that_is_not_finite_stops_training() -> None:
    with pytest.raises(TrainingError, match="step 1"):
        run(small_model(), loss=lambda model, batch: squared_error(model, batch) * float("nan"))
