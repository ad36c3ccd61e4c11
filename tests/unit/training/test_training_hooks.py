"""The hook that tells Prometheus and the log of a training run, against a loop that really trains."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from torch import nn

from gmlm.config.optimisation import OptimisationConfig
from gmlm.errors import TrainingError
from gmlm.telemetry.registry import instruments, registry
from gmlm.training import Batch, TrainingMetrics, TrainingState, train
from gmlm.training import hooks as hooks_module
from gmlm.training.flop import PEAK_VARIABLE, flop_per_token

LABELS = {"stage": "pretrain", "model": "small", "task": "", "phase": "1"}
STEPS = 4


@pytest.fixture(autouse=True)
def fresh_registry():
    instruments.cache_clear()
    yield
    instruments.cache_clear()


def value(name: str) -> float | None:
    return registry().get_sample_value(name, LABELS)


def loss(model: nn.Module, batch: Batch) -> torch.Tensor:
    return model(batch["ids"]).square().mean() * batch["factor"]


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 3, bias=False))


def batches(step: int) -> list[Batch]:
    return [{"ids": torch.tensor([step, step + 1]), "factor": torch.tensor(1.0)}]


def run(folder: Path | None = None, *, factors: dict[int, float] | None = None, **options) -> None:
    def scaled(step: int) -> list[Batch]:
        return [{**batches(step)[0], "factor": torch.tensor((factors or {}).get(step, 1.0))}]

    train(
        model(),
        loss=loss,
        batches=scaled,
        steps=STEPS,
        optimisation=OptimisationConfig(checkpoint_every=2, **options),
        seed=1,
        fingerprint="f",
        checkpoints=folder,
        hooks=[TrainingMetrics("pretrain", tokens_per_step=100, model="small", phase="1")],
    )


def test_a_whole_run_leaves_its_figures_and_is_not_running_any_more(tmp_path: Path) -> None:
    run(tmp_path)
    assert value("gmlm_training_step") == value("gmlm_training_planned_steps") == STEPS
    assert value("gmlm_training_tokens_total") == STEPS * 100
    assert value("gmlm_training_activation_bytes_per_token") > 0
    assert value("gmlm_training_running") == 0
    assert value("gmlm_training_not_finite_total") == 0


def test_seconds_of_steps_hold_the_wait_for_data() -> None:
    run()
    assert value("gmlm_training_step_seconds_count") == STEPS
    assert 0 < value("gmlm_training_data_wait_seconds_total") < value("gmlm_training_step_seconds_sum")


def test_every_checkpoint_is_seen_the_last_one_too(tmp_path: Path) -> None:
    run(tmp_path)
    assert value("gmlm_checkpoint_seconds_count") == 2
    assert value("gmlm_checkpoint_seconds_sum") > 0
    assert value("gmlm_checkpoint_timestamp_seconds") > 1.6e9


def test_a_loss_that_is_not_finite_is_counted_before_the_run_fails() -> None:
    with pytest.raises(TrainingError):
        run(factors={2: float("inf")})
    assert value("gmlm_training_not_finite_total") == 1
    assert value("gmlm_training_running") == 0
    assert value("gmlm_training_step") == 2


def test_another_error_is_no_loss_that_is_not_finite() -> None:
    class Broken:
        def after_step(self, state: TrainingState) -> None:
            raise KeyError

    hook = TrainingMetrics("pretrain", 1, model="small", phase="1")
    options = {"steps": 1, "optimisation": OptimisationConfig(), "seed": 1, "fingerprint": "f"}
    with pytest.raises(KeyError):
        train(model(), loss=loss, batches=batches, hooks=[hook, Broken()], **options)
    assert value("gmlm_training_not_finite_total") == 0
    assert value("gmlm_training_running") == 0


def test_operations_leave_embeddings_out_and_count_six_a_parameter_and_token() -> None:
    assert flop_per_token(model()) == 6 * 12
    run()
    assert value("gmlm_training_flop_total") == STEPS * 100 * 6 * 12


@pytest.mark.parametrize(("given", "expected"), [("2e12", 2e12), ("fast", None), ("", None)])
def test_the_peak_of_a_device_that_nobody_knows_is_taken_from_the_environment(given, expected, monkeypatch) -> None:
    monkeypatch.setenv(PEAK_VARIABLE, given)
    if not torch.cuda.is_available() or expected:
        run()
        assert value("gmlm_training_peak_flop_per_second") == expected


def test_the_log_has_a_line_now_and_then_and_one_at_the_end(monkeypatch, caplog) -> None:
    caplog.set_level(logging.INFO, logger="gmlm")
    run()
    lines = [record for record in caplog.records if record.message == "training"]
    assert [line.step for line in lines] == [STEPS]
    assert (lines[0].stage, lines[0].model, lines[0].steps) == ("pretrain", "small", STEPS)
    assert lines[0].tokens_per_second > 0
    monkeypatch.setattr(hooks_module, "LOG_INTERVAL", 0.0)
    caplog.clear()
    run()
    assert [record.step for record in caplog.records if record.message == "training"] == [1, 2, 3, 4]
