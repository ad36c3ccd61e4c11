"""How many compiled kernels oneDNN keeps for a CPU.

It compiles one for every shape of a product in bf16, a few of each batch's shapes are new, and of its own accord it
keeps a thousand, close to a gigabyte, most of which are never used again. A hundred are enough for the layers of one
step to share theirs.
"""

from __future__ import annotations

import os

VARIABLE = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
KERNELS = 128


def keep_few_kernels() -> None:
    """Let oneDNN keep as many as the layers of a step share, unless the environment says how many.

    It looks when it compiles its first one, and heeds no change from then on.
    """
    os.environ.setdefault(VARIABLE, str(KERNELS))
