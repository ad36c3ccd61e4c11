"""Checkpoints: the engine's files, and `state.json` with fingerprint, layout, step, curve, history and sha256 sums.

The step is the data position too, since batches and dropout are pure functions of (seed, step). A checkpoint is a
snapshot in memory first, which a thread of each rank writes while training goes on; between two steps, once all ranks
have written their files, rank 0 completes it and removes those that need not be kept.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from time import perf_counter
from typing import Any

from safetensors import SafetensorError

from gmlm.config.optimisation import OptimisationConfig
from gmlm.errors import CheckpointMismatchError, DiskFullError, GmlmError, StorageError
from gmlm.storage.files import explained
from gmlm.training.checkpoint_place import CheckpointPlace, Sums, Writers
from gmlm.training.distributed import World
from gmlm.training.engine import Engine
from gmlm.training.interface import LossPoint, TrainingState
from gmlm.training.retention import kept_steps

ENOUGH_SPACE = 1 << 20
"""A device with fewer bytes free counts as full."""
DAMAGE = (
    ValueError,
    KeyError,
    EOFError,
    OSError,
    RuntimeError,
    AssertionError,
    UnpicklingError,
    SafetensorError,
)
"""What reading a damaged checkpoint raises."""


@dataclass(frozen=True)
class _Pending:
    """A checkpoint under way: its state as it was, when it was begun, and this rank's files."""

    state: dict[str, Any]
    started: float
    written: Future[Sums]


class Checkpoints:
    """The checkpoints of one training, on one rank. Methods are called on every rank alike."""

    def __init__(
        self,
        place: CheckpointPlace,
        optimisation: OptimisationConfig,
        world: World,
        fingerprint: str,
        always: Collection[int] = (),
    ) -> None:
        self._place, self._optimisation, self._world, self._fingerprint = place, optimisation, world, fingerprint
        self._always = frozenset(always)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: _Pending | None = None

    def begin(self, state: TrainingState, engine: Engine) -> None:
        """Take a snapshot, and begin to write it; waits for the one before."""
        self.finish(state)
        name, started = step_name(state.step), perf_counter()
        with self._explained():
            self._place.prepare(self._world)
            writers = engine.snapshot()
        written = self._thread.submit(self._write, name, writers)
        self._pending = _Pending(_as_json(state, engine, self._fingerprint), started, written)

    def due(self, state: TrainingState) -> bool:
        """Whether a checkpoint is to be begun after this step."""
        every, step = self._optimisation.checkpoint_every, state.step
        return state.stopped or step == state.steps or step in self._always or (every > 0 and step % every == 0)

    @property
    def idle(self) -> bool:
        """Whether this rank has nothing left to write."""
        return self._pending is None or self._pending.written.done()

    def complete(self, state: TrainingState) -> None:
        """Complete what is under way, once all ranks are idle, and remove what need not be kept.

        Raises:
            DiskFullError: No space is left; the checkpoint before stays.
        """
        if self._pending is None:
            return
        saved, started, files = self._pending.state, self._pending.started, self._written()
        if self._world.is_main:
            with self._explained():
                self._place.complete(step_name(saved["step"]), {**saved, "files": files}, self._world)
                self._place.remove_all_but(self._kept())
        self._world.barrier()
        state.checkpoint_step = saved["step"]
        state.checkpoint_seconds.append(perf_counter() - started)

    def _written(self) -> Sums:
        """The files of all ranks. An error of the thread must not be held in a circle: it holds a half-written file."""
        assert self._pending is not None
        written, self._pending = self._pending.written, None
        try:
            parts = self._world.gather(written.result())
        finally:
            del written
        return {path: sha256 for part in parts for path, sha256 in part.items()}

    def finish(self, state: TrainingState) -> None:
        """Wait for what is under way, and complete it."""
        if self._pending is not None:
            self._pending.written.exception()
            self.complete(state)

    @contextmanager
    def closing(self, state: TrainingState) -> Iterator[None]:
        """Finish when the block ends. Where it fails on one of several ranks, what is under way is given up."""
        try:
            yield
        except BaseException as error:
            if self._world.size == 1 or isinstance(error, GmlmError):
                self.finish(state)
            raise
        else:
            self.finish(state)
        finally:
            self._thread.shutdown()

    def load(self, state: TrainingState, engine: Engine) -> bool:
        """Bring state and engine to the newest whole checkpoint; False, and nothing done, if there is none.

        Raises:
            CheckpointMismatchError: It belongs to other work, or to another engine.
            StorageError: Its files are damaged.
        """
        if not (whole := self._place.whole()):
            return False
        name = whole[-1]
        where = self._place.address(name)
        try:
            saved = self._place.read_state(name)
            _check_work(where, saved["fingerprint"], self._fingerprint)
            with self._place.fetched(name, saved["files"], self._world) as folder:
                engine.load_checkpoint(folder, saved["layout"])
            _restore(state, saved)
        except DAMAGE as error:
            raise StorageError(
                f"the checkpoint is damaged ({type(error).__name__})",
                where=where,
                fix="delete this folder to start over",
            ) from None
        return True

    def _write(self, name: str, writers: Writers) -> Sums:
        with self._explained():
            return self._place.write(name, writers, self._world)

    def _kept(self) -> set[str]:
        scores = {int(name[5:]): self._score(name) for name in self._place.whole()}
        return {step_name(step) for step in kept_steps(scores, self._optimisation, self._always)}

    def _score(self, name: str) -> float | None:
        try:
            score: float | None = self._place.read_state(name)["score"]
        except ValueError:  # damaged since: not the best one, and no reason to stop
            return None
        return score

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """PyTorch and safetensors hide a full disk behind errors of their own."""
        folder: Path = self._place.shared or self._place.scratch
        try:
            with explained(str(folder)):
                yield
        except (RuntimeError, SafetensorError) as error:
            if shutil.disk_usage(folder).free < ENOUGH_SPACE:
                raise DiskFullError(
                    "no space left", where=str(folder), fix="free space and run again: it resumes"
                ) from None
            raise StorageError(f"a checkpoint cannot be written: {error}", where=str(folder)) from None


def step_name(step: int) -> str:
    """Name of the checkpoint of a step."""
    return f"step-{step:08d}"


def _restore(state: TrainingState, saved: Mapping[str, Any]) -> None:
    state.step, state.loss, state.learning_rate = saved["step"], saved["loss"], saved["learning_rate"]
    state.checkpoint_step, state.score, state.stopped = saved["step"], saved["score"], saved["stopped"]
    state.curve = [LossPoint(**point) for point in saved["curve"]]
    state.history, state.unlogged = saved["history"], saved["unlogged"]
    state.recent, state.skipped, state.halvings = saved["recent"], saved["skipped"], saved["halvings"]


def _as_json(state: TrainingState, engine: Engine, fingerprint: str) -> dict[str, Any]:
    """A copy that training does not change any more."""
    return {
        "fingerprint": fingerprint,
        "layout": engine.layout,
        "step": state.step,
        "loss": state.loss,
        "learning_rate": state.learning_rate,
        "score": state.score,
        "curve": [asdict(point) for point in state.curve],
        "history": copy.deepcopy(state.history),
        "unlogged": list(state.unlogged),
        "recent": list(state.recent),
        "skipped": state.skipped,
        "halvings": state.halvings,
        "stopped": state.stopped,
    }


def _check_work(where: str, found: str, expected: str) -> None:
    if found != expected:
        raise CheckpointMismatchError(
            f"the checkpoint is of another work (fingerprint): {found[:40]!r} instead of {expected[:40]!r}",
            where=where,
            fix="delete the folder to start over, or run the study that wrote it",
        )
