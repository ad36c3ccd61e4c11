"""Learning rates against the schedules of transformers, and the points that define the others."""

from __future__ import annotations

import pytest
import torch
from transformers import get_scheduler

from gmlm.config import OptimisationConfig
from gmlm.training.schedule import learning_rate

PEAK, STEPS = 2e-4, 200


def rates(schedule: str, warmup_ratio: float = 0.0, steps: int = STEPS) -> list[float]:
    optimisation = OptimisationConfig(learning_rate=PEAK, schedule=schedule, warmup_ratio=warmup_ratio)
    return [learning_rate(step, steps, optimisation) for step in range(steps)]


@pytest.mark.parametrize(
    ("ours", "theirs"), [("linear", "linear"), ("cosine", "cosine"), ("constant", "constant_with_warmup")]
)
@pytest.mark.parametrize("warmup", [0, 30])
def test_common_schedules_are_those_of_transformers(ours: str, theirs: str, warmup: int) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = get_scheduler(theirs, optimizer, num_warmup_steps=warmup, num_training_steps=STEPS)
    expected = []
    for _ in range(STEPS):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert rates(ours, warmup / STEPS) == pytest.approx(expected)


def test_wsd_is_stable_and_decays_over_the_last_tenth() -> None:
    values = rates("wsd", warmup_ratio=0.1)
    assert values[0] == 0
    assert values[20:181] == pytest.approx([PEAK] * 161)
    assert values[190] == pytest.approx(PEAK / 2)
    assert values[-1] == pytest.approx(PEAK / 20)


def test_one_minus_sqrt_falls_fast_at_first() -> None:
    values = rates("1-sqrt", warmup_ratio=0.5)
    assert values[100] == PEAK
    assert values[125] == pytest.approx(PEAK / 2)
    assert values[181] == pytest.approx(PEAK / 10)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant", "wsd", "1-sqrt"])
@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("warmup_ratio", [0.0, 0.3, 1.0])
def test_rates_lie_between_zero_and_the_peak(schedule: str, steps: int, warmup_ratio: float) -> None:
    assert all(0 <= rate <= PEAK * (1 + 1e-12) for rate in rates(schedule, warmup_ratio, steps))


def shaped(**changes: object) -> list[float]:
    optimisation = OptimisationConfig(learning_rate=PEAK, schedule="wsd", **changes)
    return [learning_rate(step, STEPS, optimisation) for step in range(STEPS)]


def test_wsd_decays_over_the_share_it_is_given() -> None:
    values = shaped(decay_ratio=0.5)
    assert values[:101] == pytest.approx([PEAK] * 101)
    assert values[150] == pytest.approx(PEAK / 2)


def test_wsd_may_cool_down_by_one_minus_square_root() -> None:
    values = shaped(decay_ratio=0.5, decay_shape="1-sqrt")
    assert values[100] == pytest.approx(PEAK)
    assert values[125] == pytest.approx(PEAK / 2)
    assert values[164] == pytest.approx(PEAK * 0.2)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "1-sqrt", "wsd"])
def test_a_schedule_may_end_above_zero(schedule: str) -> None:
    optimisation = OptimisationConfig(learning_rate=PEAK, schedule=schedule, final_ratio=0.25)
    assert learning_rate(STEPS, STEPS, optimisation) == pytest.approx(PEAK / 4)
    assert learning_rate(0, STEPS, optimisation) == pytest.approx(PEAK)
