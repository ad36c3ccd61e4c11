"""What Prometheus sees of a training run."""

from __future__ import annotations

import math

import pytest

from gmlm.telemetry.registry import registry
from gmlm.telemetry.training import TrainingSeries

LABELS = {"stage": "pretrain", "model": "base", "task": "", "phase": "1"}
STEP = {
    "step": 7,
    "loss": 2.5,
    "learning_rate": 1e-4,
    "tokens": 8192.0,
    "flop": 5e12,
    "seconds": 0.5,
    "data_seconds": 0.1,
    "gradient_norm": 0.25,
}


def value(name: str, **labels: str) -> float | None:
    return registry().get_sample_value(name, {**LABELS, **labels})


@pytest.fixture
def series():
    return TrainingSeries("pretrain", "base", "", "1")


def test_a_step_sets_every_figure_of_it(series):
    series.observe_step(**STEP)
    assert value("gmlm_training_step") == 7
    assert value("gmlm_training_loss") == 2.5
    assert value("gmlm_training_learning_rate") == 1e-4
    assert value("gmlm_training_gradient_norm") == 0.25
    assert value("gmlm_training_last_step_timestamp_seconds") > 1.6e9


def test_tokens_operations_and_seconds_add_up(series):
    for _ in range(3):
        series.observe_step(**STEP)
    assert value("gmlm_training_tokens_total") == 3 * 8192
    assert value("gmlm_training_flop_total") == 15e12
    assert value("gmlm_training_data_wait_seconds_total") == pytest.approx(0.3)
    assert value("gmlm_training_step_seconds_sum") == 1.5
    assert value("gmlm_training_step_seconds_count") == 3


def test_without_clipping_there_is_no_gradient_norm(series):
    series.observe_step(**{**STEP, "gradient_norm": None})
    assert value("gmlm_training_gradient_norm") is None


def test_start_and_end_are_told(series):
    series.start()
    assert value("gmlm_training_running") == 1
    assert value("gmlm_training_start_timestamp_seconds") > 1.6e9
    assert value("gmlm_training_not_finite_total") == 0
    series.end(finite=True)
    assert value("gmlm_training_running") == 0
    assert value("gmlm_training_not_finite_total") == 0


def test_an_end_by_a_loss_that_is_not_finite_is_counted_and_shown(series):
    series.start()
    series.observe_step(**STEP)
    series.end(finite=False)
    assert value("gmlm_training_not_finite_total") == 1
    assert math.isnan(value("gmlm_training_loss"))


def test_a_peak_is_exported_only_where_it_is_known(series):
    series.plan(100, None, 2e4)
    assert value("gmlm_training_planned_steps") == 100
    assert value("gmlm_training_activation_bytes_per_token") == 2e4
    assert value("gmlm_training_peak_flop_per_second") is None
    series.plan(100, 989e12, 2e4)
    assert value("gmlm_training_peak_flop_per_second") == 989e12


def test_a_checkpoint_has_its_time_and_its_length(series):
    series.observe_checkpoint(2.0)
    series.observe_held_out_loss(3.25, {"notes": 3.5})
    assert value("gmlm_checkpoint_timestamp_seconds") > 1.6e9
    assert value("gmlm_checkpoint_seconds_sum") == 2.0
    assert value("gmlm_training_held_out_loss") == 3.25
    assert value("gmlm_training_held_out_source_loss", source="notes") == 3.5


def test_phases_and_models_keep_series_of_their_own(series):
    series.observe_step(**STEP)
    TrainingSeries("pretrain", "other", "", "1").observe_step(**{**STEP, "loss": 9.0})
    assert value("gmlm_training_loss") == 2.5


def test_a_loss_of_several_terms_shows_each(series):
    series.observe_step(**STEP, terms={"generator_loss": 1.5, "discriminator_accuracy": 0.9})
    series.observe_held_out_loss(2.0, {}, {"discriminator_accuracy": 0.8})
    assert value("gmlm_training_term", term="generator_loss") == 1.5
    assert value("gmlm_training_term", term="discriminator_accuracy") == 0.9
    assert value("gmlm_training_held_out_term", term="discriminator_accuracy") == 0.8
