"""Where memory does not suffice, micro-batches are halved and the batch stays the same."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from gmlm.config import OptimisationConfig
from gmlm.errors import TrainingError
from gmlm.training import Batch, TrainingResult, TrainingState, train
from gmlm.training.interface import WEIGHT

OPTIMISATION = OptimisationConfig(learning_rate=1e-2, log_every=1, checkpoint_every=2)


class Rows:
    """Eight rows a step, in micro-batches of so many."""

    def __init__(self, size: int = 8) -> None:
        self.size = size

    def __call__(self, step: int) -> Sequence[Batch]:
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
        return [{"x": part, WEIGHT: torch.tensor(float(len(part)))} for part in x.split(self.size)]

    def halved(self) -> Rows | None:
        return Rows(self.size // 2) if self.size > 1 else None


class Device:
    """A loss that has memory for so many rows; counts the passes."""

    def __init__(self, rows: int) -> None:
        self.rows, self.sizes = rows, list[int]()

    def __call__(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        if len(batch["x"]) > self.rows:
            raise torch.OutOfMemoryError("out of memory")
        self.sizes.append(len(batch["x"]))
        loss: torch.Tensor = (model(batch["x"]) ** 2).mean()
        return loss


def run(device: Device, batches: object = None, checkpoints: Path | None = None, **changes: object) -> TrainingResult:
    torch.manual_seed(0)
    return train(
        nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)),
        loss=device,
        batches=batches or Rows(),  # type: ignore[arg-type]
        steps=4,
        optimisation=OPTIMISATION.model_copy(update=changes),
        seed=1,
        fingerprint="f",
        checkpoints=checkpoints,
    )


@pytest.mark.parametrize("rows", [4, 2, 1])
def test_a_step_is_done_again_in_smaller_micro_batches_with_the_same_loss(rows: int) -> None:
    device = Device(rows)
    losses = [point.loss for point in run(device).curve]
    assert losses == pytest.approx([point.loss for point in run(Device(8)).curve], rel=1e-5)
    assert device.sizes == [rows] * (4 * 8 // rows)


def test_a_resumed_run_begins_with_the_smaller_micro_batches(tmp_path: Path) -> None:
    expected = run(Device(2))
    run(Device(2), checkpoints=tmp_path)
    for file in tmp_path.glob("step-*/state.json"):
        assert '"halvings": 2' in file.read_text()
    assert run(Device(2), checkpoints=tmp_path) == expected


def test_it_stops_where_micro_batches_cannot_be_smaller() -> None:
    with pytest.raises(TrainingError, match="out of memory") as caught:
        run(Device(0))
    assert "micro_batch_tokens" in str(caught.value)


def test_it_stops_where_batches_cannot_be_halved() -> None:
    with pytest.raises(TrainingError, match="out of memory"):
        run(Device(4), batches=Rows().__call__)


def test_deepspeed_says_what_to_do() -> None:
    with pytest.raises(TrainingError, match="out of memory") as caught:
        run(Device(4), engine="deepspeed", zero_stage=1)
    assert "zero_stage" in str(caught.value)


def two_terms(model: nn.Module, batch: Batch) -> torch.Tensor:
    """Two terms over targets of their own, the rows and their columns that are positive, and a figure."""
    output, positive = model(batch["x"]), batch["x"] > 0
    second = (output * positive).sum() / positive.sum().clamp(min=1)
    return torch.stack([(output**2).mean(), second, positive.float().mean().detach()])


def rows_of_two_terms(size: int, step: int) -> Sequence[Batch]:
    return [
        {**batch, WEIGHT: torch.tensor([float(len(x)), float((x > 0).sum()), float(x.numel())])}
        for batch in Rows(size)(step)
        for x in [batch["x"]]
    ]


def test_each_term_of_a_loss_is_the_mean_over_all_its_targets() -> None:
    """Rows and positive columns are shared out unevenly, so means of the micro-batches' means would differ."""
    trained, figures = [], list[dict[str, float]]()
    for size in (8, 1):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
        hook = _Terms(figures)
        result = train(
            model,
            loss=two_terms,
            terms={"square": 1.0, "positive": 3.0, "share": 0.0},
            batches=partial(rows_of_two_terms, size),
            steps=2,
            optimisation=OPTIMISATION,
            seed=1,
            fingerprint="f",
            hooks=[hook],
        )
        trained.append((result.curve[-1].loss, torch.cat([weight.flatten() for weight in model.parameters()])))
    assert figures[1] == pytest.approx(figures[3], rel=1e-5)
    assert figures[1]["square"] + 3 * figures[1]["positive"] == pytest.approx(trained[0][0], rel=1e-5)
    assert trained[0][0] == pytest.approx(trained[1][0], rel=1e-5)
    assert torch.allclose(trained[0][1], trained[1][1], atol=1e-6)


class _Terms:
    """Keeps the terms of each step."""

    def __init__(self, kept: list[dict[str, float]]) -> None:
        self._kept = kept

    def after_step(self, state: TrainingState) -> None:
        self._kept.append(state.terms)
