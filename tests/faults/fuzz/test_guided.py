"""The same readers under inputs that atheris finds, guided by which code they reach."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.fuzz.test_fuzz import EXAMPLES, TARGETS


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed: run `make fuzz`")
@pytest.mark.parametrize("name", TARGETS)
def test_no_input_that_coverage_leads_to_is_a_crash(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    command = [sys.executable, str(Path(__file__).with_name("guided.py")), name, str(EXAMPLES)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    done = re.search(r"^Done (\d+)", ended.stderr, re.MULTILINE)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert done is not None
    assert int(done[1]) >= EXAMPLES
    record_property("figure", f"{name} {int(done[1]):,} by coverage")
