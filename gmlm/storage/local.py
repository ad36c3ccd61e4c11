"""A folder as store: writes go to a temporary file, are flushed to disk and renamed into place."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gmlm.errors import AlreadyExistsError, StorageError
from gmlm.storage.base import StoredFile
from gmlm.storage.files import (
    TEMPORARY,
    copy_through,
    explained,
    flush,
    publish,
    remove_abandoned,
    temporary_beside,
    write_through,
)
from gmlm.storage.keys import check_key, check_prefix


class LocalStore:
    """Store in a folder of this machine or of a shared file system. The folder is made at the first write."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._swept: set[Path] = set()

    @property
    def uri(self) -> str:
        """Absolute path of the folder."""
        return str(self._root)

    def read(self, key: str) -> bytes:
        """The object's bytes."""
        path = self._path(key)
        with explained(str(path)):
            return path.read_bytes()

    def write(self, key: str, data: bytes) -> StoredFile:
        """Write or replace the object."""
        path = self._path(key)
        with self._writing(path) as temporary:
            write_through(temporary, data)
            publish(temporary, path)
        return StoredFile(key, len(data), hashlib.sha256(data).hexdigest())

    def create(self, key: str, data: bytes) -> StoredFile:
        """Write the object only if the key is free: a hard link fails where the name exists."""
        path = self._path(key)
        with self._writing(path) as temporary:
            write_through(temporary, data)
            _link(temporary, path)
            flush(path.parent)
        return StoredFile(key, len(data), hashlib.sha256(data).hexdigest())

    def upload(self, path: Path, key: str) -> StoredFile:
        """Copy a local file into the store."""
        target = self._path(key)
        with self._writing(target) as temporary:
            size, sha256 = copy_through(path, temporary)
            publish(temporary, target)
        return StoredFile(key, size, sha256)

    def download(self, key: str, path: Path, *, sha256: str | None = None) -> None:
        """Copy the object to a local file and check it."""
        source = self._path(key)
        with self._writing(path) as temporary:
            _, found = copy_through(source, temporary)
            if sha256 is not None and found != sha256:
                raise StorageError("its sha256 is not the one recorded", where=str(source), fix="restore the file")
            publish(temporary, path)

    def local_path(self, key: str) -> Path:
        """Where the object or folder lies."""
        return self._root / check_prefix(key)

    def exists(self, key: str) -> bool:
        """Whether there is an object with this key."""
        path = self._path(key)
        with explained(str(path)):
            return path.is_file()

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys under the folder, sorted."""
        folder = self.local_path(prefix)
        with explained(str(folder)):
            files = [path for path in _walk(folder) if not path.name.startswith(TEMPORARY) and path.is_file()]
        yield from sorted(path.relative_to(self._root).as_posix() for path in files)

    def versions(self, prefix: str = "") -> dict[str, str]:
        """Keys under the folder, sorted, each with its file's number and time of change: a write makes a new file."""
        found = {}
        for key in self.list(prefix):
            with suppress(FileNotFoundError):  # removed since it was listed
                status = (self._root / key).stat()
                found[key] = f"{status.st_ino}-{status.st_mtime_ns}"
        return found

    def delete(self, key: str) -> None:
        """Remove the object."""
        path = self._path(key)
        with explained(str(path)):
            path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    @contextmanager
    def _writing(self, path: Path) -> Iterator[Path]:
        with explained(str(path)), temporary_beside(path) as temporary:
            if path.parent not in self._swept:
                self._swept.add(path.parent)
                remove_abandoned(path.parent)
            yield temporary


def _walk(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:  # a folder that may not be read must not pass for an empty one
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise error

    for parent, _, names in os.walk(folder, onerror=fail):
        yield from (Path(parent) / name for name in names)


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        # A network file system may repeat a link whose answer was lost: then the name is ours already.
        if temporary.stat().st_nlink < 2:
            raise AlreadyExistsError("exists already", where=str(path), fix="another writer was first") from None
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            fix = "keep the store on a file system with hard links, or on S3"
            raise StorageError("the file system has no hard links", where=str(path), fix=fix) from None
        raise
