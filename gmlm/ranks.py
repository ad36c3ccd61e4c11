"""Which of the processes that torchrun started together this one is; light, unlike `gmlm.training.distributed`."""

from __future__ import annotations

import os


def is_first_rank() -> bool:
    """Whether this process writes what all ranks share: it is rank 0, or it runs without torchrun."""
    return os.environ.get("RANK", "0") == "0"


def local_rank() -> int:
    """Number of this process among those that torchrun has started on its machine; 0 without torchrun."""
    return int(os.environ.get("LOCAL_RANK", "0"))
