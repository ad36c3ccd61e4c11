"""Files on disk that appear whole or not at all, survive a power cut, and explain the system's errors."""

from __future__ import annotations

import errno
import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gmlm.errors import AccessDeniedError, DiskFullError, InputNotFoundError, StorageError

TEMPORARY = ".partial-"
"""Prefix of files that are being written; they are never listed."""
ABANDONED_AFTER = 3600.0
"""Seconds without a write after which a temporary file is taken for that of a killed process and removed."""
BLOCK = 1 << 20
"""Bytes read at a time."""


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn the operating system's errors into the project's, naming the file."""
    try:
        yield
    except FileNotFoundError:
        raise InputNotFoundError("no such file", where=where, fix="check the path") from None
    except IsADirectoryError:
        raise InputNotFoundError("a folder where a file should be", where=where, fix="check the path") from None
    except NotADirectoryError:
        raise InputNotFoundError("a part of the path is a file, not a folder", where=where, fix="check it") from None
    except PermissionError:
        raise AccessDeniedError("access denied", where=where, fix="check owner and mode of the folder") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError("no space left", where=where, fix="free space and run again: it resumes") from None
        if error.errno == errno.EROFS:
            raise AccessDeniedError("read-only file system", where=where, fix="choose another folder") from None
        raise StorageError(f"{error.strerror or error}", where=where, fix="check the file system") from None


def sha256_of(path: Path) -> str:
    """The file's sha256 (hex), read in blocks."""
    with explained(str(path)), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A free name in the folder of `path`, hence on the same device; the folder is made, leftovers are removed."""
    _make_folder(path.parent)
    temporary = path.parent / f"{TEMPORARY}{uuid.uuid4().hex}"
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def publish(temporary: Path, path: Path) -> None:
    """Give a finished temporary file its name, and make the name survive a power cut."""
    temporary.replace(path)
    flush(path.parent)


def write_through(path: Path, data: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def copy_through(source: Path, target: Path) -> tuple[int, str]:
    """Copy a file, wait until it is on the disk, and return bytes and sha256 of what was read."""
    digest, size = hashlib.sha256(), 0
    with explained(str(source)):
        reader = source.open("rb")
    with reader, target.open("wb") as writer:
        while block := reader.read(BLOCK):
            digest.update(block)
            size += writer.write(block)
        writer.flush()
        os.fsync(writer.fileno())
    return size, digest.hexdigest()


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot flush a folder
            raise
    finally:
        os.close(descriptor)


def remove_abandoned(folder: Path) -> int:
    """Remove temporary files in a folder that killed processes have left, and return their number."""
    oldest, removed = time.time() - ABANDONED_AFTER, 0
    for path in folder.glob(f"{TEMPORARY}*"):
        try:
            if path.stat().st_mtime < oldest:
                path.unlink()
                removed += 1
        except FileNotFoundError:  # another process was first
            continue
    return removed


def _make_folder(folder: Path) -> None:
    missing = [folder, *folder.parents]
    missing = missing[: next(i for i, parent in enumerate(missing) if parent.exists())]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        flush(made.parent)
