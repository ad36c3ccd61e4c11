"""What a key may look like, for every store alike."""

from __future__ import annotations

from gmlm.errors import StorageError
from gmlm.storage.files import TEMPORARY


def check_key(key: str) -> str:
    """Return the key if it stays within its store.

    Raises:
        StorageError: It is empty or absolute, or one of its parts is empty, `.`, `..`, reserved, or holds a NUL byte.
    """
    parts = key.split("/")
    if any(part in ("", ".", "..") or part.startswith(TEMPORARY) or "\0" in part for part in parts):
        raise StorageError("not a key of a store", where=repr(key), fix="use a relative path such as folder/file")
    return key


def check_prefix(prefix: str) -> str:
    """Return the folder-like prefix without a slash at its end; the empty one is the whole store.

    Raises:
        StorageError: As for `check_key`.
    """
    folder = prefix.rstrip("/")
    return check_key(folder) if prefix else ""
