"""Fans a translation out over pods: plan its shards, and work on them. The run of the node then merges them."""

from __future__ import annotations

from pathlib import Path

from gmlm.config import TranslateConfig
from gmlm.errors import GmlmError
from gmlm.kubernetes.node import WORTH_A_RETRY
from gmlm.kubernetes.planning import missing_inputs, select_nodes, study_of
from gmlm.kubernetes.study_folder import local_study_folder
from gmlm.storage import Store, open_store
from gmlm.study.plan import Plan, PlannedNode
from gmlm.study.plan_file import read_plan
from gmlm.study.runner import measured_node, scratch_folder, stage_run
from gmlm.telemetry import get_logger

log = get_logger(__name__)

SEPARATOR = "#"
"""Between the id of a node and the number of a shard."""


def plan_shards(store: str, plan: str, tasks: int) -> list[str]:
    """Where workers begin: at most `tasks` of `NODE#SHARD` per translation that can run now, spread over its shards.

    A worker goes on behind its first shard, so there are as many tasks as pods are wanted, not as shards.
    """
    from gmlm.translation.translate import plan as plan_translation

    opened = open_store(store)
    planned = read_plan(opened, plan)
    found = []
    for node_id in select_nodes(store, plan, ("translate",)):
        node = planned.nodes[node_id]
        run = stage_run(node, planned, opened, Path(), _scratch(opened, node))
        shards = plan_translation(_config(node), run)
        starts = min(tasks, shards)
        found += [f"{node_id}{SEPARATOR}{number * shards // starts}" for number in range(starts)]
    return found


def translate_shard(store: str, plan: str, shard: str, study_folder: str = "") -> str:
    """Translate shards from the given one on until all of its translation are finished; say what became of it.

    An error that would come again is logged here, and recorded by the task that merges, which meets it as well.

    Args:
        store: The store of the study.
        plan: Key of the plan.
        shard: From `plan_shards`.
        study_folder: As for `plan_study`: a model that estimates quality may lie there.

    Raises:
        GmlmError: One of WORTH_A_RETRY.
    """
    node_id, _, first = shard.partition(SEPARATOR)
    opened = open_store(store)
    planned = read_plan(opened, plan)
    node = planned.settle(node_id, opened)
    if node.finished(opened):
        return "finished before"
    if missing := missing_inputs(planned, node, opened):
        return f"left out; not finished: {', '.join(missing)}"
    try:
        _work(opened, planned, node, study_of(plan), study_folder, int(first))
    except WORTH_A_RETRY:
        raise
    except GmlmError as error:
        log.error("shards are left", extra={"node": node_id, "error": type(error).__name__})
        return "failed"
    return "done"


def _work(store: Store, plan: Plan, node: PlannedNode, study: str, study_folder: str, first: int) -> None:
    from gmlm.telemetry.exporting import exported
    from gmlm.translation.translate import work_on

    folder = local_study_folder(study_folder, {raw.name for raw in node.raw_inputs})
    with exported(study, node.node.id), measured_node(node, store):
        work_on(_config(node), stage_run(node, plan, store, folder, _scratch(store, node)), first)


def _config(node: PlannedNode) -> TranslateConfig:
    assert isinstance(node.node.config, TranslateConfig)
    return node.node.config


def _scratch(store: Store, node: PlannedNode) -> Path:
    """A folder beside that of the node, which the task that merges locks and removes."""
    return scratch_folder(store) / "shards" / node.prefix
