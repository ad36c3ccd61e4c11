"""What a pod of a group runs: torchrun over the pod's ranks, with an exit code that says "resume me".

`python -m gmlm.kubernetes.launcher.pod_entry STORE PLAN NODE [STUDY_FOLDER]`. torchrun takes its options from the
variables PET_*, which Kubeflow Trainer's torch runtime and our own manifests set.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from gmlm.errors import GmlmError, InterruptedRunError
from gmlm.kubernetes.node import is_finished
from gmlm.telemetry import get_logger
from gmlm.telemetry.logs import configure_logs

log = get_logger(__name__)

RANK_MODULE = "gmlm.kubernetes.launcher.rank"
FAILED = 70
"""Exit code where a rank died without one of its own."""


def main(arguments: Sequence[str]) -> int:
    """Run the ranks of this pod, and return the pod's exit code.

    A pod that is started again after the group has finished must not wait for ranks that are gone, hence the store is
    asked first.
    """
    configure_logs(json=True)
    store, plan, node = arguments[:3]
    try:
        if is_finished(store, plan, node):
            log.info("finished before", extra={"node": node})
            return 0
    except GmlmError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return _run_ranks(arguments)


def _run_ranks(arguments: Sequence[str]) -> int:
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    try:
        torchrun.main(["--max-restarts", "0", "--module", RANK_MODULE, *arguments])
    except SignalException:  # torchrun has passed SIGTERM on and waited for the ranks' checkpoint
        return InterruptedRunError.exit_code
    except ChildFailedError as error:
        return pod_exit_code({rank: failure.exitcode for rank, failure in error.failures.items()})
    return 0


def pod_exit_code(ranks: Mapping[int, int]) -> int:
    """The pod's exit code, from the exit codes of its failed ranks: "resume me" if one of them says so.

    A rank that was killed by a signal has the signal's number, negative.
    """
    codes = [code for _, code in sorted(ranks.items()) if code != 0]
    if InterruptedRunError.exit_code in codes:
        return InterruptedRunError.exit_code
    own = [code for code in codes if code > 0]
    return own[0] if own else FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
