"""Disks without space or names, scratch that cannot be written, clocks that jump: a clear error, and the same bytes."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gmlm.errors import AccessDeniedError, DiskFullError
from gmlm.storage import open_store

pytestmark = pytest.mark.slow

DATA = {"models": {}, "tasks": {}, "evaluation": None}
"""Changes of the study that leave its data stages."""


@contextmanager
def file_system(folder: Path, options: str) -> Iterator[Path]:
    """A small file system in memory."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def study(faults: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GMLM_PROGRESS", "0")
    monkeypatch.setenv("GMLM_SCRATCH", str(tmp_path / "scratch"))
    path: Path = faults.write_study(tmp_path, **DATA)
    return path


@pytest.mark.parametrize("options", ["size=64k", "size=8m,nr_inodes=24"], ids=["space", "inodes"])
def test_a_full_disk_is_named_and_what_was_there_stays(
    options: str, faults: Any, study: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    faults.run_study(study, str(tmp_path / "whole"))
    with file_system(tmp_path / "disk", options) as disk:
        with pytest.raises(DiskFullError) as caught:
            faults.run_study(study, str(disk))
        assert caught.value.fix
        finished = faults.check_published(open_store(str(disk)))
        subprocess.run(["mount", "-o", "remount,size=64m,nr_inodes=10000", str(disk)], check=True)
        faults.run_study(study, str(disk))
        assert faults.contents(open_store(str(disk))) == faults.contents(open_store(str(tmp_path / "whole")))
    record_property("figure", f"{finished} finished parts stayed; all files equal after room was made")


def test_scratch_that_cannot_be_written_is_named(
    faults: Any, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with file_system(tmp_path / "disk", "size=1m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        monkeypatch.setenv("GMLM_SCRATCH", str(disk / "scratch"))
        with pytest.raises(AccessDeniedError, match="disk") as caught:
            faults.run_study(study, str(tmp_path / "store"))
        assert caught.value.fix


def test_a_clock_that_jumps_changes_no_byte(
    faults: Any, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    faults.run_study(study, str(tmp_path / "whole"))
    draw, jumps = random.Random(1), [0]

    def jumping() -> float:
        jumps[0] += 1
        return original() + draw.choice([-1, 1]) * draw.uniform(0, 10 * 365 * 86_400)

    original = time.time
    monkeypatch.setattr(time, "time", jumping)
    faults.run_study(study, str(tmp_path / "jumping"))
    monkeypatch.undo()
    assert faults.contents(open_store(str(tmp_path / "jumping"))) == faults.contents(
        open_store(str(tmp_path / "whole"))
    )
    record_property("figure", f"{jumps[0]} readings of a clock that jumps by up to ten years; all files equal")


def test_the_newest_checkpoint_is_that_of_the_highest_step_whatever_the_files_times(
    faults: Any, tmp_path: Path, imported: None
) -> None:
    from gmlm.training.checkpoint_place import STATE, CheckpointPlace

    for step, age in ((120, 0), (99, 10), (1000, 10_000)):
        folder = tmp_path / f"step-{step:08d}"
        folder.mkdir()
        (folder / STATE).write_text("{}")
        os.utime(folder, (time.time() - age,) * 2)
    assert CheckpointPlace.folder(tmp_path).whole()[-1] == "step-00001000"
