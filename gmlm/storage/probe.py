"""Finds out whether a store keeps the promise that write-once manifests and leases rest on."""

from __future__ import annotations

import uuid

from gmlm.errors import AlreadyExistsError, StorageError
from gmlm.storage.base import Store


def probe_conditional_writes(store: Store) -> None:
    """Create a key twice: a store that lets the second write through would let two runs overwrite each other.

    Some S3 servers ignore `If-None-Match` without an error, hence the trial.

    Raises:
        StorageError: The second write was accepted, or the store does not know conditional writes.
        InputNotFoundError: There is no such bucket.
        AccessDeniedError: The store must not be written.
    """
    key = f".probe/{uuid.uuid4().hex}"
    store.create(key, b"first")
    try:
        store.create(key, b"second")
    except AlreadyExistsError:
        return
    finally:
        store.delete(key)
    fix = "use a store that honours If-None-Match, such as AWS S3, MinIO, SeaweedFS or versitygw"
    raise StorageError("the store ignores conditional writes", where=store.uri, fix=fix)
