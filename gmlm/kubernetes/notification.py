"""Says at the end of a run what went wrong, from what the store and the cluster know."""

from __future__ import annotations

import sys

from gmlm.errors import GmlmError
from gmlm.kubernetes.launcher.ownership import run_of_this_pod
from gmlm.kubernetes.launcher.reap import reap_own
from gmlm.kubernetes.planning import read_study
from gmlm.kubernetes.pods import pod_failures
from gmlm.kubernetes.statuses import list_failures
from gmlm.storage import open_store


def notify_exit(store: str, study: str, run_id: str) -> str:
    """Print, and return, one fact a line: failed nodes, pods that died, and groups of pods that were still at work.

    The latter are removed: whoever followed them has ended, or was cancelled.

    Never fails: a run whose store is gone must still say so. It does without `PipelineTaskFinalStatus`, which backends
    before 2.2 refuse to compile. Those also hand on the placeholder of the run's id as it stands, so the pod's own
    label comes first.
    """
    run_id = run_of_this_pod() or run_id
    lines = [f"run {run_id} has ended"]
    try:
        failures = list_failures(open_store(store), read_study(study).name)
        lines += [f"{failure.node}: {failure.error}: {failure.message}" for failure in failures]
    except GmlmError as error:
        lines.append(str(error))
    lines += pod_failures(run_id)
    lines += reap_own(run_id)
    print("\n".join(lines), file=sys.stderr, flush=True)
    return "\n".join(lines)
