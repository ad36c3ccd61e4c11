"""A part of the demo study as a pipeline of kfp.local, with its real stages, is what `gmlm run` makes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gmlm.storage import open_store
from gmlm.study.registry import STAGES


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_real_stages_write_the_same_bytes_as_a_run_without_a_pipeline(small_study: Path, tmp_path: Path) -> None:
    contents = []
    for name, command in (("direct", ["run"]), ("pipeline", ["pipeline", "run-local"])):
        arguments = [sys.executable, "-m", "gmlm.cli", *command, str(small_study), "--store", str(tmp_path / name)]
        subprocess.run(arguments, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True)
        store = open_store(str(tmp_path / name))
        contents.append({key: store.read(key) for stage in STAGES for key in store.list(stage)})
    assert contents[0] == contents[1]
    assert len([key for key in contents[0] if key.endswith("manifest.json")]) == 13
