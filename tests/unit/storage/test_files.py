"""File primitives: what the system's errors become, and what is safe to remove."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from gmlm.errors import AccessDeniedError
from gmlm.storage import files
from gmlm.storage.files import ABANDONED_AFTER, TEMPORARY, copy_through, explained, remove_abandoned


def test_a_read_only_file_system_denies_access():
    with pytest.raises(AccessDeniedError, match="read-only"), explained("x"):
        raise OSError(errno.EROFS, "Read-only file system")


def test_two_processes_may_clear_the_same_leftovers(tmp_path, monkeypatch):
    dead = tmp_path / f"{TEMPORARY}dead"
    dead.write_bytes(b"half")
    os.utime(dead, (time.time() - ABANDONED_AFTER - 60,) * 2)
    monkeypatch.setattr(Path, "unlink", lambda self: (_ for _ in ()).throw(FileNotFoundError))
    assert remove_abandoned(tmp_path) == 0


def test_a_folder_that_cannot_be_flushed_is_no_error_but_a_failing_disk_is(tmp_path, monkeypatch):
    for code, fails in ((errno.EINVAL, False), (errno.EIO, True)):

        def refuse(_: int, code: int = code) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "fsync", refuse)
        if fails:
            with pytest.raises(OSError, match="Input/output"):
                files.flush(tmp_path)
        else:
            files.flush(tmp_path)


def test_a_copy_reports_what_was_read(tmp_path):
    (tmp_path / "source").write_bytes(b"abc")
    size, sha256 = copy_through(tmp_path / "source", tmp_path / "target")
    assert (size, sha256) == (3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")  # FIPS 180-2
