"""Checkpoints: a folder per checkpoint, written aside and renamed, so that there is a whole one or none.

A checkpoint `step-00000120` holds the engine's files and `state.json`: fingerprint, layout, step, curve and history.
The step is the data position too, since batches and dropout are pure functions of (seed, step).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from time import perf_counter
from typing import Any

from safetensors import SafetensorError

from gmlm.errors import CheckpointMismatchError, DiskFullError, StorageError
from gmlm.storage.files import explained, flush, publish
from gmlm.training.distributed import World
from gmlm.training.engine import Engine
from gmlm.training.interface import LossPoint, TrainingState

STATE = "state.json"
PARTIAL = ".partial"
ENOUGH_SPACE = 1 << 20
"""A device with fewer bytes free counts as full."""


def save_checkpoint(folder: Path, state: TrainingState, engine: Engine, world: World, fingerprint: str) -> None:
    """Write a checkpoint of all ranks, atomically, and then remove the one before.

    Raises:
        DiskFullError: No space is left; the checkpoint before stays.
    """
    target, partial = folder / f"step-{state.step:08d}", folder / PARTIAL
    started = perf_counter()
    with explained(str(partial)), _writing_explained(folder):
        if world.is_main:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
        world.barrier()
        engine.save_checkpoint(partial)
        world.barrier()
        if world.is_main:
            (partial / STATE).write_text(json.dumps(_as_json(state, engine, fingerprint)), encoding="utf-8")
            for file in partial.rglob("*"):
                flush(file)
            shutil.rmtree(target, ignore_errors=True)
            publish(partial, target)
            for older in set(_complete(folder)) - {target}:
                shutil.rmtree(older)
    world.barrier()
    state.checkpoint_step, state.checkpoint_seconds = state.step, perf_counter() - started


def load_checkpoint(folder: Path, state: TrainingState, engine: Engine, fingerprint: str) -> None:
    """Bring state and engine to the newest whole checkpoint of the folder; leave them alone if there is none.

    Raises:
        CheckpointMismatchError: It belongs to other work, or to another engine.
        StorageError: Its files are damaged.
    """
    complete = _complete(folder)
    if not complete:
        return
    checkpoint = complete[-1]
    try:
        saved = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        _check_work(checkpoint, saved["fingerprint"], fingerprint)
        engine.load_checkpoint(checkpoint, saved["layout"])
        _restore(state, saved)
    except (ValueError, KeyError, EOFError, OSError, RuntimeError, UnpicklingError, SafetensorError) as error:
        raise StorageError(
            f"the checkpoint is damaged ({type(error).__name__})",
            where=str(checkpoint),
            fix="delete this folder to start over",
        ) from None


def _restore(state: TrainingState, saved: Mapping[str, Any]) -> None:
    state.step, state.loss, state.learning_rate = saved["step"], saved["loss"], saved["learning_rate"]
    state.checkpoint_step = saved["step"]
    state.curve = [LossPoint(**point) for point in saved["curve"]]
    state.history, state.unlogged = saved["history"], saved["unlogged"]


@contextmanager
def _writing_explained(folder: Path) -> Iterator[None]:
    """PyTorch and safetensors hide a full disk behind errors of their own."""
    try:
        yield
    except (RuntimeError, SafetensorError) as error:
        if shutil.disk_usage(folder).free < ENOUGH_SPACE:
            raise DiskFullError(
                "no space left", where=str(folder), fix="free space and run again: it resumes"
            ) from None
        raise StorageError(f"a checkpoint cannot be written: {error}", where=str(folder)) from None


def _complete(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if (path / STATE).is_file())


def _as_json(state: TrainingState, engine: Engine, fingerprint: str) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint,
        "layout": engine.layout,
        "step": state.step,
        "loss": state.loss,
        "learning_rate": state.learning_rate,
        "curve": [asdict(point) for point in state.curve],
        "history": state.history,
        "unlogged": state.unlogged,
    }


def _check_work(checkpoint: Path, found: str, expected: str) -> None:
    if found != expected:
        raise CheckpointMismatchError(
            f"the checkpoint is of another work (fingerprint): {found[:40]!r} instead of {expected[:40]!r}",
            where=str(checkpoint),
            fix="delete the folder to start over, or run the study that wrote it",
        )
