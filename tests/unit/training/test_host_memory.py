"""oneDNN forgets kernels of shapes that are long gone, unless the environment says how many it keeps."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gmlm.training.host_memory import VARIABLE

PROBE = """
import torch
from gmlm.training.host_memory import KERNELS, keep_few_kernels

keep_few_kernels()
left, right = torch.ones(1000, 64).bfloat16(), torch.ones(64, 64).bfloat16()
for rows in [500, 500, *range(501, 501 + KERNELS), 500]:
    torch.mm(left[:rows], right)
"""


def _compiled(**variables: str) -> list[bool]:
    """For each product whether its kernel was compiled, by oneDNN's own account."""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment |= {"ONEDNN_VERBOSE": "2", **variables}
    command = [sys.executable, "-c", PROBE]
    told = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    found = ["create:cache_miss" in line for line in told.splitlines() if ",primitive,create:" in line]
    if not found:
        pytest.skip("oneDNN makes no products in bf16 on this CPU")
    return found


def test_a_shape_that_comes_again_soon_is_not_compiled_again_and_one_long_gone_is() -> None:
    first, again, *others, last = _compiled()

    assert [first, again, last] == [True, False, True]
    assert all(others)


def test_what_the_environment_says_stands() -> None:
    *_, last = _compiled(**{VARIABLE: "1000"})

    assert not last
