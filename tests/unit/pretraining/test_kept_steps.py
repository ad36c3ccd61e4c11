"""Weights along a run are kept, survive an interruption, and become models of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gmlm.config import CheckpointConfig, ModelConfig, OptimisationConfig
from gmlm.errors import ConfigError, InterruptedRunError
from gmlm.manifest import Manifest
from gmlm.pretraining.kept_steps import publish_checkpoint
from gmlm.pretraining.pretrain import pretrain
from gmlm.stage import StageRun
from tests.unit.pretraining.test_pretrain import from_scratch, inputs, phase

MakeRun = Callable[..., StageRun]
__all__ = ["inputs"]  # the fixture
STEADY = OptimisationConfig(learning_rate=5e-3, schedule="constant")


def keeping(*steps: int, **changes: Any) -> ModelConfig:
    return from_scratch(phase(**{"steps": 6, "optimisation": STEADY, **changes})).model_copy(
        update={"kept_steps": steps}
    )


def sums(manifest: Manifest, folder: str) -> dict[str, str]:
    files = (entry for entry in manifest.files if entry.path.startswith(folder))
    return {entry.path.removeprefix(folder): entry.sha256 for entry in files if not entry.path.endswith("README.md")}


def test_at_a_steady_rate_a_kept_step_is_what_a_run_of_so_many_steps_ends_with(
    make_run: MakeRun, inputs: dict[str, Manifest]
) -> None:
    run = make_run("pretrain", "long", inputs=inputs)
    long = pretrain(keeping(2, 4), run)
    for steps in (2, 4):
        short = pretrain(keeping(steps=steps), make_run("pretrain", f"short-{steps}", inputs=inputs))
        assert sums(long, f"steps/{steps}/") == sums(short, "model/")
    plain = pretrain(keeping(), make_run("pretrain", "plain", inputs=inputs))
    assert sums(long, "model/") == sums(plain, "model/"), "keeping steps changes nothing of the model"
    assert list(run.store.list(run.progress_prefix)) == []


def test_a_kept_step_outlives_an_interruption(
    make_run: MakeRun,
    inputs: dict[str, Manifest],
    monkeypatch: pytest.MonkeyPatch,
    stop_after: Callable[..., None],
) -> None:
    straight = pretrain(keeping(2), make_run("pretrain", "straight", inputs=inputs))
    run = make_run("pretrain", "stopped", inputs=inputs)
    with monkeypatch.context() as patch:
        stop_after(5, "masked_lm_loss", patch)
        with pytest.raises(InterruptedRunError):
            pretrain(keeping(2), run)
    assert sums(pretrain(keeping(2), run), "steps/2/") == sums(straight, "steps/2/")


def test_a_checkpoint_is_a_model_like_any(make_run: MakeRun, inputs: dict[str, Manifest]) -> None:
    long = pretrain(keeping(2, 5), make_run("pretrain", "long", inputs=inputs))
    run = make_run("checkpoint", "long.step-2", inputs={"model": long})
    early = publish_checkpoint(CheckpointConfig(step=2), run)
    assert early.kind == "model"
    assert sums(early, "model/") == sums(long, "steps/2/")
    continued = make_run("pretrain", "continued", inputs={"base": early, "tokens:0": inputs["tokens:0"]})
    assert pretrain(ModelConfig(base="long", at_step=2, phases=(phase(steps=1),)), continued).kind == "model"


def test_a_step_beyond_a_phase_given_in_epochs_is_refused_before_training(
    make_run: MakeRun, inputs: dict[str, Manifest]
) -> None:
    with pytest.raises(ConfigError, match="step 900 cannot be kept of a phase of"):
        pretrain(keeping(900, steps=None, epochs=1), make_run("pretrain", inputs=inputs))
