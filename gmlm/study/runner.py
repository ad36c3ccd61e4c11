"""Runs a study on this machine: node after node, what is finished is recognised, what failed is named."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gmlm import interruption
from gmlm.config.workers import worker_count
from gmlm.errors import AccessDeniedError, ConfigError, DiskFullError, GmlmError, InterruptedRunError, StorageError
from gmlm.manifest import MANIFEST_NAME, Manifest, read_manifest
from gmlm.ranks import is_first_rank, local_rank
from gmlm.stage import StageRun, progress_prefix
from gmlm.storage import Store
from gmlm.storage.probe import probe_conditional_writes
from gmlm.study.plan import Plan, PlannedNode
from gmlm.study.registry import STAGES, load_stage
from gmlm.study.selection import Selection
from gmlm.telemetry import get_logger
from gmlm.telemetry.metrics import observe_documents, observe_recognised, observe_stage
from gmlm.usage.measure import Work, measured
from gmlm.usage.record import forget_records

log = get_logger(__name__)

Status = Literal["finished before", "done", "failed", "left out"]


@dataclass(frozen=True)
class NodeOutcome:
    """What became of one node: its status, the wall time in seconds, and its error if it failed."""

    status: Status
    seconds: float = 0.0
    error: GmlmError | None = None


@dataclass
class StudyOutcome:
    """What became of each selected node, in running order."""

    nodes: dict[str, NodeOutcome] = field(default_factory=dict)

    @property
    def failures(self) -> dict[str, GmlmError]:
        """Errors by node id."""
        return {node_id: node.error for node_id, node in self.nodes.items() if node.error is not None}


Observer = Callable[[str, NodeOutcome], None]
"""Told of each node when it has ended."""


class StudyRunner:
    """Runs the selected nodes of a plan. A failed node stops what needs it, and nothing else."""

    def __init__(self, plan: Plan, store: Store, study_folder: Path, observer: Observer | None = None) -> None:
        self._plan, self._store, self._study_folder = plan, store, study_folder
        self._observer = observer or (lambda node_id, outcome: None)
        self._outcome = StudyOutcome()

    def run(self, selection: Selection) -> StudyOutcome:
        """Run what is selected and not finished.

        Raises:
            InterruptedRunError: SIGINT or SIGTERM came; what was under way is saved.
            StorageError: The store ignores conditional writes.
            ConfigError: Stages before the selected ones are not finished.
        """
        interruption.clear()
        probe_conditional_writes(self._store)
        for node_id in selection.nodes(self._plan.graph):
            started = time.perf_counter()
            outcome = self._run_one(node_id, selection)
            outcome = NodeOutcome(outcome.status, time.perf_counter() - started, outcome.error)
            self._outcome.nodes[node_id] = outcome
            self._observer(node_id, outcome)
            if interruption.requested():
                raise InterruptedRunError("stopped", where=node_id, fix="run the same command again: it resumes")
        return self._outcome

    def _run_one(self, node_id: str, selection: Selection) -> NodeOutcome:
        planned = self._with_available_inputs(node_id)
        if planned is None:
            return NodeOutcome("left out")
        if planned.finished(self._store) and not selection.force:
            observe_recognised(planned.node.stage)
            return NodeOutcome("finished before")
        self._require_inputs(planned)
        try:
            run_node(planned, self._plan, self._store, self._study_folder, force=selection.force)
        except InterruptedRunError:
            raise
        except GmlmError as error:
            log.error("stage failed", extra={"node": node_id, "error": type(error).__name__})
            return NodeOutcome("failed", error=error)
        return NodeOutcome("done")

    def _with_available_inputs(self, node_id: str) -> PlannedNode | None:
        """The node as it can run now: None if it needs something that failed; a tolerant one does without."""
        planned = self._plan.settle(node_id, self._store)
        if planned.node.tolerant:
            return planned
        return None if any(self._is_lost(source) for source in planned.node.inputs.values()) else planned

    def _is_lost(self, node_id: str) -> bool:
        outcome = self._outcome.nodes.get(node_id)
        return outcome is not None and outcome.status in ("failed", "left out")

    def _require_inputs(self, planned: PlannedNode) -> None:
        for source in planned.node.inputs.values():
            if not self._plan.nodes[source].finished(self._store):
                raise ConfigError(f"its input {source} is not finished", where=planned.node.id, fix=f"run {source}")


def run_node(planned: PlannedNode, plan: Plan, store: Store, study_folder: Path, *, force: bool = False) -> Manifest:
    """Run one node whose inputs are finished, and return its manifest."""
    node = planned.node
    scratch = scratch_folder(store) / planned.prefix
    with observe_stage(node.stage), _explained(node.id), _locked(scratch):
        if force:
            _discard(store, planned, scratch)
        elif planned.finished(store):
            return read_manifest(store, planned.prefix)
        run = stage_run(planned, plan, store, study_folder, scratch)
        log.info("stage started", extra={"node": node.id})
        with measured_node(planned, store):
            manifest = load_stage(node.stage)(node.config, run)
        observe_documents(node.stage, manifest.counters)
    if is_first_rank():
        shutil.rmtree(scratch, ignore_errors=True)
    return manifest


def measured_node(planned: PlannedNode, store: Store) -> AbstractContextManager[None]:
    """Record what the block uses for a node: each rank its CPU and GPU, and one on each machine the machine's meter."""
    node, rank = planned.node, local_rank()
    kind = STAGES[node.stage].gpus
    work = Work(
        stage=node.stage,
        name=node.name,
        fingerprint=planned.fingerprint,
        progress=planned.progress,
        first_gpu=rank,
        gpus=worker_count() if kind == "workers" else int(kind == "one"),
        timed=is_first_rank(),
        metered=rank == 0,
    )
    return measured(work, store)


def stage_run(planned: PlannedNode, plan: Plan, store: Store, study_folder: Path, scratch: Path) -> StageRun:
    """What the stage of a node is given; its inputs must be finished."""
    node = planned.node
    return StageRun(
        stage=node.stage,
        name=node.name,
        store=store,
        prefix=planned.prefix,
        scratch=scratch,
        fingerprint=planned.fingerprint,
        seed=node.seed,
        study_folder=study_folder,
        inputs={role: read_manifest(store, plan.nodes[source].prefix) for role, source in node.inputs.items()},
        raw_inputs=planned.raw_inputs,
        progress=planned.progress,
    )


def scratch_folder(store: Store) -> Path:
    """Where unfinished work is kept: `GMLM_SCRATCH`, or beside a local store, or in the user's cache."""
    if "GMLM_SCRATCH" in os.environ:
        return Path(os.environ["GMLM_SCRATCH"])
    local = store.local_path(".scratch")
    if local is not None:
        return local
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    return cache / "gmlm" / "scratch" / hashlib.sha256(store.uri.encode()).hexdigest()[:12]


def _discard(store: Store, planned: PlannedNode, scratch: Path) -> None:
    store.delete(f"{planned.prefix}/{MANIFEST_NAME}")
    unfinished = progress_prefix(planned.node.stage, planned.node.name, planned.progress)
    for key in [*store.list(planned.prefix), *store.list(unfinished)]:
        store.delete(key)
    forget_records(store, planned.node.stage, planned.node.name, planned.progress)
    for path in scratch.iterdir():
        if path.name != "lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def _locked(scratch: Path) -> Iterator[None]:
    """Hold the scratch folder, so that a second run of the same study on this machine does not disturb it.

    Rank 0 holds it for all ranks of one training.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    if not is_first_rank():
        yield
        return
    with (scratch / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError(
                "another run is at work here", where=str(scratch), fix="wait for it, or stop it and run again"
            ) from None
        yield


@contextmanager
def _explained(node_id: str) -> Iterator[None]:
    """Turn what libraries raise for the operating system and for Ctrl-C into the project's errors."""
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedRunError("stopped", where=node_id, fix="run the same command again: it resumes") from None
    except PermissionError as error:
        where = f"{node_id}: {error.filename}"
        raise AccessDeniedError("access denied", where=where, fix="check owner and mode") from None
    except OSError as error:
        if error.errno == errno.EROFS:
            where, fix = f"{node_id}: {error.filename}", "set GMLM_SCRATCH to a folder that can be written"
            raise AccessDeniedError("read-only file system", where=where, fix=fix) from None
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFullError("no space left", where=node_id, fix="free space and run again: it resumes") from None
