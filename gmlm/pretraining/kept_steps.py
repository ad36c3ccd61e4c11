"""Weights along a run: kept while a model is trained, and models of their own in the stage `checkpoint`."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from gmlm.config import CheckpointConfig, ModelConfig
from gmlm.manifest import FileEntry, Manifest
from gmlm.pretraining.base_model import save_model
from gmlm.pretraining.electra import Trainee
from gmlm.stage import StageRun
from gmlm.training.checkpoint import step_name
from gmlm.training.checkpoint_place import CheckpointPlace
from gmlm.training.distributed import join_world
from gmlm.training.torch_engine import WEIGHTS


def publish_checkpoint(config: CheckpointConfig, run: StageRun) -> Manifest:
    """Make the weights that the input `model` kept of a step a model, which is fine-tuned and exported like any."""
    folder = run.local_folder(run.inputs["model"], f"steps/{config.step}/")
    files = run.upload_folder(folder, "model")
    return run.publish("model", config, files, metrics={"parameters": run.inputs["model"].metrics["parameters"]})


def checkpoints_of(run: StageRun, phase: int) -> CheckpointPlace:
    """Where the checkpoints of a phase lie until the model is published; phases count from 0."""
    return CheckpointPlace(run.store, f"{run.progress_prefix}/phase-{phase}", run.scratch)


def upload_kept_steps(config: ModelConfig, run: StageRun, model: Trainee, tokenizer: Any) -> list[FileEntry]:
    """Put the weights of the last phase's kept steps among the outputs, as `steps/N/`; called on every rank.

    Args:
        config: Says which steps.
        run: Where their checkpoints lie, and the outputs.
        model: The trained model, for its shape; it stays as it is.
        tokenizer: Its tokenizer.
    """
    world, place, files = join_world(), checkpoints_of(run, len(config.phases) - 1), list[FileEntry]()
    for step in config.kept_steps:
        name = step_name(step)
        with place.fetched(name, place.read_state(name)["files"], world) as folder:
            if world.is_main:
                files += _upload(copy.deepcopy(model), load_file(folder / WEIGHTS), tokenizer, run, step)
    return files


def _upload(model: Trainee, weights: Any, tokenizer: Any, run: StageRun, step: int) -> list[FileEntry]:
    # Tied weights are in the file under one of their names; the others follow them.
    model.load_state_dict(weights, strict=False)
    with tempfile.TemporaryDirectory(dir=run.scratch) as temporary:
        save_model(model, tokenizer, Path(temporary))
        return run.upload_folder(Path(temporary), f"steps/{step}")
