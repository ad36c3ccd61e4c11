"""The folder that a study's relative paths start at, also where it lies on S3."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from gmlm.storage import open_store


def local_study_folder(address: str, names: Collection[str] | None = None) -> Path:
    """The folder as local files: as it is, or copied from `s3://`, which happens at every call.

    Args:
        address: A folder, or `s3://bucket/prefix`; nothing means the working directory.
        names: Copy only files called like these raw inputs: a node needs its own inputs, and most need none.

    Raises:
        InputNotFoundError: There is no such bucket.
        AccessDeniedError: It must not be read.
    """
    if "://" not in address:
        return Path(address or ".")
    target = Path(tempfile.mkdtemp(prefix="gmlm-study-"))
    if names is not None and not names:
        return target
    called = None if names is None else {PurePosixPath(name).name for name in names}
    folder = open_store(address)
    for key in folder.list():
        if called is None or PurePosixPath(key).name in called:
            folder.download(key, target / key)
    return target
