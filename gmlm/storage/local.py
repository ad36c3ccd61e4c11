"""A folder as store: writes go to a temporary file, are flushed to disk and renamed into place."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gmlm.errors import AccessDeniedError, AlreadyExistsError, DiskFullError, InputNotFoundError, StorageError
from gmlm.storage.base import StoredFile

TEMPORARY = ".partial-"
"""Prefix of files that are being written; they are never listed."""


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn the operating system's errors into the project's, naming the file."""
    try:
        yield
    except FileNotFoundError:
        raise InputNotFoundError("no such file", where=where, fix="check the path") from None
    except PermissionError:
        raise AccessDeniedError("access denied", where=where, fix="check owner and mode of the folder") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError("no space left", where=where, fix="free space and run again: it resumes") from None
        raise StorageError(f"{error.strerror or error}", where=where, fix="check the file system") from None


def sha256_of(path: Path) -> str:
    """The file's sha256 (hex), read in blocks."""
    with explained(str(path)), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class LocalStore:
    """Store in a folder of this machine or of a shared file system."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    @property
    def uri(self) -> str:
        """Absolute path of the folder."""
        return str(self._root)

    def read(self, key: str) -> bytes:
        """The object's bytes."""
        path = self.local_path(key)
        with explained(str(path)):
            return path.read_bytes()

    def write(self, key: str, data: bytes) -> StoredFile:
        """Write or replace the object."""
        path = self.local_path(key)
        with explained(str(path)), _temporary_beside(path) as temporary:
            _write_through(temporary, data)
            temporary.replace(path)
        return StoredFile(key, len(data), hashlib.sha256(data).hexdigest())

    def create(self, key: str, data: bytes) -> StoredFile:
        """Write the object only if the key is free: a hard link fails where the name exists."""
        path = self.local_path(key)
        with explained(str(path)), _temporary_beside(path) as temporary:
            _write_through(temporary, data)
            try:
                os.link(temporary, path)
            except FileExistsError:
                raise AlreadyExistsError("exists already", where=str(path), fix="another writer was first") from None
        return StoredFile(key, len(data), hashlib.sha256(data).hexdigest())

    def upload(self, path: Path, key: str) -> StoredFile:
        """Copy a local file into the store."""
        target = self.local_path(key)
        with explained(str(target)), _temporary_beside(target) as temporary:
            shutil.copyfile(path, temporary)
            _flush(temporary)
            temporary.replace(target)
        return StoredFile(key, target.stat().st_size, sha256_of(target))

    def download(self, key: str, path: Path, *, sha256: str | None = None) -> None:
        """Copy the object to a local file and check it."""
        source = self.local_path(key)
        with explained(str(source)), _temporary_beside(path) as temporary:
            shutil.copyfile(source, temporary)
            if sha256 is not None and sha256_of(temporary) != sha256:
                raise StorageError("its sha256 is not the one recorded", where=str(source), fix="restore the file")
            temporary.replace(path)

    def local_path(self, key: str) -> Path:
        """Where the object or folder lies."""
        return self._root / key

    def exists(self, key: str) -> bool:
        """Whether there is an object with this key."""
        with explained(self.uri):
            return self.local_path(key).is_file()

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys under the folder, sorted."""
        folder = self.local_path(prefix)
        with explained(str(folder)):
            files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(TEMPORARY)]
        yield from sorted(path.relative_to(self._root).as_posix() for path in files)

    def delete(self, key: str) -> None:
        """Remove the object."""
        path = self.local_path(key)
        with explained(str(path)):
            path.unlink(missing_ok=True)


@contextmanager
def _temporary_beside(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY}{uuid.uuid4().hex}"
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
