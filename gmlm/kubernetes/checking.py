"""The last task of a pipeline: a study whose cells failed has its report, and still must not pass for a success."""

from __future__ import annotations

from collections.abc import Iterable

from gmlm.errors import StageFailedError
from gmlm.kubernetes.planning import missing_inputs, study_of
from gmlm.kubernetes.statuses import find_failure
from gmlm.storage import Store, open_store
from gmlm.study.plan import Plan
from gmlm.study.plan_file import read_plan


def check_study(store: str, plan: str, stages: Iterable[str] = ()) -> str:
    """Say that all nodes (of these stages) are finished.

    Raises:
        StageFailedError: Some are not; the message has each one's reason.
    """
    opened = open_store(store)
    planned, wanted = read_plan(opened, plan), set(stages)
    nodes = [node for node in planned.graph.values() if not wanted or node.stage in wanted]
    unfinished = [node.id for node in nodes if not planned.settle(node.id, opened).finished(opened)]
    if unfinished:
        reasons = "\n".join(_reason(opened, study_of(plan), planned, node) for node in unfinished)
        raise StageFailedError(f"{len(unfinished)} of {len(nodes)} nodes are not finished:\n{reasons}", where=plan)
    return f"{study_of(plan)}: {len(nodes)} of {len(nodes)} nodes finished"


def _reason(store: Store, study: str, plan: Plan, node: str) -> str:
    failure = find_failure(store, study, node)
    if failure is not None:
        return f"- {node}: {failure.error}: {failure.message}"
    missing = missing_inputs(plan, plan.nodes[node], store)
    return f"- {node}: " + (f"needs {', '.join(missing)}" if missing else "its task was lost, or it was not reached")
