"""One rank of a group, started by torchrun: the same node runner as in any other pod."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from gmlm import interruption
from gmlm.errors import GmlmError, InterruptedRunError
from gmlm.kubernetes.launcher.pod_entry import FAILED
from gmlm.kubernetes.node import run_planned_node
from gmlm.telemetry import get_logger
from gmlm.telemetry.logs import configure_logs

log = get_logger(__name__)


def main(arguments: Sequence[str]) -> None:
    """Run the node together with the other ranks. After a failure it leaves at once, by its own exit code.

    Ranks that end well end together, and take the process group down: one that leaves early can abort another.
    """
    configure_logs(json=True)
    interruption.install()
    code = _run(arguments)
    if code:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # threads of a broken process group would hold the interpreter, or abort it
    _leave_group()


def _run(arguments: Sequence[str]) -> int:
    store, plan, node, *folder = arguments
    try:
        result = run_planned_node(store, plan, node, *folder)
    except GmlmError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return InterruptedRunError.exit_code
    except Exception:
        log.exception("unexpected error", extra={"node": node})  # the log keeps its class and place, not its text
        return FAILED
    log.info("rank ended", extra={"node": node, "status": result.status.replace(" ", "-")})
    return 0


def _leave_group() -> None:
    import torch.distributed as dist

    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1:])
