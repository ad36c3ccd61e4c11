"""Opens a store by its address."""

from __future__ import annotations

from pathlib import Path

from gmlm.errors import ConfigError
from gmlm.storage.base import Store
from gmlm.storage.local import LocalStore


def open_store(uri: str) -> Store:
    """Open a folder or `s3://bucket/prefix`.

    Raises:
        ConfigError: The address has another scheme.
    """
    if uri.startswith("s3://"):
        from gmlm.storage.s3 import S3Store

        return S3Store.from_uri(uri)
    if "://" in uri:
        raise ConfigError("unknown kind of store", where=uri, fix="use a folder or s3://bucket/prefix")
    return LocalStore(Path(uri))
