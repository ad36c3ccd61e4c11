"""The loop: resumes exactly, weights micro-batches, stops on NaN."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch
from torch import nn

from gmlm.config import OptimisationConfig
from gmlm.errors import InterruptedRunError, TrainingError
from gmlm.telemetry.metrics import registry
from gmlm.training import Batch, BatchFunction, TrainingMetrics, TrainingResult, TrainingState, train
from gmlm.training.interface import WEIGHT
from gmlm.training.optimiser import parameter_groups

OPTIMISATION = OptimisationConfig(learning_rate=1e-2, warmup_ratio=0.2, log_every=1)


def small_model(dropout: float = 0.2) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(dropout), nn.Tanh(), nn.Linear(8, 1))


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


def whole(step: int) -> list[Batch]:
    return [{**batches(step)[0], WEIGHT: torch.tensor(6.0)}]


def in_parts(*sizes: int) -> BatchFunction:
    def of_step(step: int) -> list[Batch]:
        (batch,) = batches(step)
        parts = zip(batch["x"].split(sizes), batch["y"].split(sizes), strict=True)
        return [{"x": x, "y": y, WEIGHT: torch.tensor(float(len(x)))} for x, y in parts]

    return of_step


@pytest.mark.parametrize("sizes", [(2, 2, 2), (1, 5), (3, 2, 1)])
def test_weighted_micro_batches_equal_one_batch(sizes: tuple[int, ...]) -> None:
    one, many = small_model(dropout=0), small_model(dropout=0)
    expected = run(one, batches=whole)
    result = run(many, batches=in_parts(*sizes))
    for ours, theirs in zip(result.curve, expected.curve, strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)
    for a, b in zip(one.parameters(), many.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_step_without_targets_changes_nothing() -> None:
    nothing = {**batches(0)[0], WEIGHT: torch.tensor(0.0)}
    model = small_model()
    before = [parameter.clone() for parameter in model.parameters()]
    optimisation = OPTIMISATION.model_copy(update={"weight_decay": 0.0})
    assert run(model, batches=lambda _: [nothing], optimisation=optimisation).curve[0].loss == 0
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_dropout_depends_on_seed_and_step_alone() -> None:
    first, again, other = (run(small_model(), seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.curve[0].loss != other.curve[0].loss


def test_the_curve_has_the_mean_loss_since_the_point_before() -> None:
    each = run(small_model(), steps=5).curve
    sparse = run(small_model(), steps=5, optimisation=OPTIMISATION.model_copy(update={"log_every": 2})).curve
    assert [point.step for point in sparse] == [2, 4, 5]
    assert sparse[1].loss == pytest.approx((each[2].loss + each[3].loss) / 2)
    assert sparse[1].learning_rate == each[3].learning_rate


def test_decay_spares_biases_and_norms() -> None:
    model = nn.Sequential(nn.Embedding(5, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    decayed, spared = parameter_groups(model, 0.1)
    assert [tuple(parameter.shape) for parameter in decayed["params"]] == [(5, 4), (2, 4)]
    assert [tuple(parameter.shape) for parameter in spared["params"]] == [(4,), (4,), (2,)]
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)


def test_frozen_parameters_stay() -> None:
    model = small_model()
    model[0].requires_grad_(False)
    frozen = model[0].weight.clone()
    run(model)
    assert torch.equal(model[0].weight, frozen)


def test_hooks_see_every_step_and_what_they_record_survives_a_crash(tmp_path: Path) -> None:
    class Recorder:
        def after_step(self, state: TrainingState) -> None:
            state.history.setdefault("steps", []).append(state.step)

    every_two = OPTIMISATION.model_copy(update={"checkpoint_every": 2})
    options = {"optimisation": every_two, "checkpoints": tmp_path}
    with pytest.raises(RuntimeError):
        run(small_model(), hooks=[Recorder(), StopAfter(5)], **options)
    assert run(small_model(), hooks=[Recorder()], **options).history == {"steps": [1, 2, 3, 4, 5, 6]}


def test_metrics_follow_training() -> None:
    result = run(small_model(), hooks=[TrainingMetrics("test-stage", tokens_per_step=7, model="m")])
    labels = {"stage": "test-stage", "model": "m", "task": "", "phase": ""}
    assert registry().get_sample_value("gmlm_training_loss", labels) == result.curve[-1].loss
    assert registry().get_sample_value("gmlm_training_step", labels) == 6
    assert registry().get_sample_value("gmlm_training_tokens_total", labels) == 42
    assert registry().get_sample_value("gmlm_training_gradient_norm", labels) > 0


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_training(factor: float) -> None:
    with pytest.raises(TrainingError, match="loss of step 1 "):
        run(small_model(), loss=lambda model, batch: squared_error(model, batch) * factor)


def test_a_gradient_that_is_not_finite_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    def root_at_zero(model: nn.Module, batch: Batch) -> torch.Tensor:
        """Finite, but in the fourth step without a finite gradient."""
        loss = squared_error(model, batch)
        return loss + (loss * 0).sqrt() if torch.equal(batch["x"], batches(3)[0]["x"]) else loss

    always = OPTIMISATION.model_copy(update={"checkpoint_every": 1})
    with pytest.raises(TrainingError, match="gradient of step 4 "):
        run(small_model(), loss=root_at_zero, optimisation=always, checkpoints=tmp_path)
    assert run(small_model(), optimisation=always, checkpoints=tmp_path) == run(small_model())


def test_a_signal_stops_a_run_that_keeps_no_checkpoints() -> None:
    class Signal:
        def after_step(self, state: TrainingState) -> None:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(InterruptedRunError):
        run(small_model(), hooks=[Signal()])
    assert signal.getsignal(signal.SIGINT) is before
