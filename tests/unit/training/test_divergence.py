"""A step that goes wrong stops training, or sends it back to a checkpoint and past the batches up to the bad one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from gmlm.config import OptimisationConfig
from gmlm.errors import TrainingError
from gmlm.training import Batch, TrainingResult, TrainingState, train
from gmlm.training.divergence import WINDOW, diagnosis

EVERY_TWO = OptimisationConfig(learning_rate=1e-2, schedule="constant", log_every=1, checkpoint_every=2)
BACK_ONCE = EVERY_TWO.model_copy(update={"max_rollbacks": 1})


def rows(number: int) -> list[Batch]:
    return [{"x": torch.randn(6, 4, generator=torch.Generator().manual_seed(number))}]


class Batches:
    """Batches of which some are bad; notes which were asked for."""

    def __init__(self, *bad: int, factor: float = float("nan")) -> None:
        self.bad, self.factor, self.seen = bad, factor, list[int]()

    def __call__(self, step: int) -> list[Batch]:
        self.seen.append(step)
        factor = self.factor if step in self.bad else 1.0
        return [{"x": batch["x"] * factor} for batch in rows(step)]


def run(
    batches: object, optimisation: OptimisationConfig, checkpoints: Path | None, steps: int = 8, **options: object
) -> TrainingResult:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 1))
    return train(
        model,
        loss=lambda module, batch: (module(batch["x"]) ** 2).mean(),
        batches=batches,  # type: ignore[arg-type]
        steps=steps,
        optimisation=optimisation,
        seed=1,
        fingerprint="f",
        checkpoints=checkpoints,
        **options,  # type: ignore[arg-type]
    )


def leaving_out(first: int, last: int, step_of_first: int) -> Batches:
    """Batches without a range from a step on."""
    plain = Batches()
    shift = last - first + 1
    return type("Shifted", (), {"__call__": lambda _, step: plain(step if step < step_of_first else step + shift)})()


@pytest.mark.parametrize("engine", ["torch", "deepspeed"])
def test_it_goes_back_to_the_last_checkpoint_and_past_the_bad_batch(engine: str, tmp_path: Path) -> None:
    batches = Batches(5)
    result = run(batches, BACK_ONCE.model_copy(update={"engine": engine, "zero_stage": 2}), tmp_path)
    assert batches.seen == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]  # back to step 4; batches 4 and 5 are left out
    (note,) = result.history["rollbacks"]
    assert note == {
        "step": 6,
        "reason": "the loss of step 6 is not finite",
        "checkpoint": 4,
        "skipped": [4, 5],
    }
    expected = run(leaving_out(4, 5, 4), EVERY_TWO.model_copy(update={"engine": engine, "zero_stage": 2}), None)
    assert [point.loss for point in result.curve] == [point.loss for point in expected.curve]


def test_it_goes_back_to_the_beginning_where_there_is_no_later_checkpoint(tmp_path: Path) -> None:
    batches = Batches(1)
    result = run(batches, BACK_ONCE, tmp_path)
    assert batches.seen == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert result.history["rollbacks"][0]["skipped"] == [0, 1]
    assert [point.step for point in result.curve] == list(range(1, 9))


def test_a_second_bad_range_behind_the_same_checkpoint_is_left_out_too(tmp_path: Path) -> None:
    batches = Batches(5, 7)
    result = run(batches, EVERY_TWO.model_copy(update={"max_rollbacks": 2}), tmp_path)
    assert [note["skipped"] for note in result.history["rollbacks"]] == [[4, 5], [6, 7]]
    assert batches.seen == [*range(8), 8, 9, 10, 11]


def test_it_stops_where_it_may_not_go_back_again(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="loss of step 6 is not finite"):
        run(Batches(5, 7), BACK_ONCE, tmp_path)
    with pytest.raises(TrainingError, match="loss of step 6 is not finite"):
        run(Batches(5), EVERY_TWO, tmp_path / "never")


def test_stopped_behind_a_rollback_it_ends_with_the_same_losses(tmp_path: Path) -> None:
    class Crash:
        def after_step(self, state: TrainingState) -> None:
            if state.step == 5 and state.skipped:
                raise RuntimeError("crash")

    straight = run(Batches(5), BACK_ONCE, tmp_path / "straight")
    with pytest.raises(RuntimeError):
        run(Batches(5), BACK_ONCE, tmp_path / "stopped", hooks=[Crash()])
    assert run(Batches(5), BACK_ONCE, tmp_path / "stopped") == straight


def test_a_loss_that_explodes_sends_it_back_and_past_the_bad_batch(tmp_path: Path) -> None:
    batches = Batches(WINDOW + 5, factor=1e4)
    watchful = BACK_ONCE.model_copy(update={"spike_factor": 10.0})
    result = run(batches, watchful, tmp_path, steps=WINDOW + 8)
    (note,) = result.history["rollbacks"]
    assert "leaps to" in note["reason"]
    assert (note["checkpoint"], note["skipped"]) == (WINDOW + 4, [WINDOW + 4, WINDOW + 5])
    expected = run(leaving_out(WINDOW + 4, WINDOW + 5, WINDOW + 4), EVERY_TWO, None, steps=WINDOW + 8)
    assert [point.loss for point in result.curve] == [point.loss for point in expected.curve]


def test_a_spike_is_measured_by_the_median_of_the_last_steps() -> None:
    watchful = OptimisationConfig(spike_factor=3.0)
    state = TrainingState(nn.Linear(1, 1), 100, step=60, recent=[2.0] * (WINDOW - 1) + [100.0])
    assert diagnosis(state, 5.9, None, watchful) is None
    assert diagnosis(state, 6.1, None, watchful) == "the loss of step 61 leaps to 6.1, where 2 was usual"
    assert diagnosis(state, 6.1, None, OptimisationConfig()) is None
    state.recent = [2.0] * (WINDOW - 1)
    assert diagnosis(state, 6.1, None, watchful) is None
