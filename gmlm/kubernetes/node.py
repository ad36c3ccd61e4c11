"""Runs one node of a stored plan: what each task of a pipeline does, in a subprocess, in Docker and in a pod alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from gmlm.errors import ClusterError, DiskFullError, GmlmError, InterruptedRunError, StorageError, TrainingError
from gmlm.kubernetes.planning import missing_inputs, study_of
from gmlm.kubernetes.statuses import clear_failure, failure_of, write_failure
from gmlm.kubernetes.study_folder import local_study_folder
from gmlm.manifest import Manifest, read_file, read_manifest
from gmlm.ranks import is_first_rank
from gmlm.storage import Store, open_store
from gmlm.study.plan import Plan, PlannedNode
from gmlm.study.plan_file import read_plan
from gmlm.study.runner import run_node
from gmlm.study.selection import matching
from gmlm.telemetry import get_logger
from gmlm.telemetry.exporting import exported

log = get_logger(__name__)

WORTH_A_RETRY = (StorageError, DiskFullError, InterruptedRunError, TrainingError, ClusterError)
"""Errors that another pod may not meet; after all others the same work would fail again."""


@dataclass(frozen=True)
class NodeResult:
    """What a task has to show: the node's manifest where it is finished, else why it is not."""

    node: str
    status: Literal["done", "failed", "left out"]
    message: str = ""
    manifest: Manifest | None = None
    pages: dict[str, str] = field(default_factory=dict)
    """Text of the report's pages, by ending."""


Work = Callable[[PlannedNode, Plan, Store], Manifest]
"""Finishes a node whose inputs are finished, and returns its manifest."""


def run_planned_node(
    store: str, plan: str, node: str, study_folder: str = "", *, work: Work | None = None
) -> NodeResult:
    """Run one node of a plan, unless it is finished.

    An error that would come again is recorded in the store and ends the task without failing it, so that the other
    cells and the report go on and no retry is wasted; `check_study` fails the run in the end.

    Args:
        store: The store of the study.
        plan: Key of the plan.
        node: Id of the node, or the name of a stage that has one node at most.
        study_folder: As for `plan_study`.
        work: How the node is run; default: in this process.

    Raises:
        GmlmError: One of WORTH_A_RETRY.
    """
    opened = open_store(store)
    planned = read_plan(opened, plan)
    found = matching(planned.graph, node)
    if not found:
        return NodeResult(node, "left out", "the study has no such stage")
    settled, study = planned.settle(found[0], opened), study_of(plan)
    if missing := missing_inputs(planned, settled, opened):
        return NodeResult(found[0], "left out", f"not finished: {', '.join(missing)}")
    try:
        # A pod that waits for other pods answers scrapes too, but has no results of its own to push.
        with exported(study, settled.node.id, push=work is None):
            return _run(settled, planned, opened, study, work or _in_this_process(study_folder))
    except Exception as error:
        if is_first_rank():
            write_failure(opened, study, failure_of(settled.node.id, settled.fingerprint, error))
        if not isinstance(error, GmlmError) or isinstance(error, WORTH_A_RETRY):
            raise
        log.error("stage failed", extra={"node": settled.node.id, "error": type(error).__name__})
        return NodeResult(settled.node.id, "failed", str(error))


def is_finished(store: str, plan: str, node: str) -> bool:
    """Whether the store holds the node's manifest, or the plan has no such node."""
    opened = open_store(store)
    planned = read_plan(opened, plan)
    return all(planned.settle(found, opened).finished(opened) for found in matching(planned.graph, node))


def _in_this_process(study_folder: str) -> Work:
    def work(settled: PlannedNode, plan: Plan, store: Store) -> Manifest:
        names = {raw.name for raw in settled.raw_inputs}
        return run_node(settled, plan, store, local_study_folder(study_folder, names))

    return work


def _run(settled: PlannedNode, plan: Plan, store: Store, study: str, work: Work) -> NodeResult:
    finished = settled.finished(store)
    manifest = read_manifest(store, settled.prefix) if finished else work(settled, plan, store)
    if is_first_rank():
        clear_failure(store, study, settled.node.id)
    return NodeResult(settled.node.id, "done", manifest=manifest, pages=_pages(store, manifest))


def _pages(store: Store, manifest: Manifest) -> dict[str, str]:
    names = {"report.html": "html", "report.md": "md"} if manifest.stage == "report" else {}
    present = [entry.path for entry in manifest.files if entry.path in names]
    return {names[path]: read_file(store, manifest, path).decode() for path in present}
