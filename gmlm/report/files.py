"""Reads the JSON files that stages leave for the report."""

from __future__ import annotations

import json
from typing import Any

from gmlm.errors import StorageError
from gmlm.manifest import Manifest, read_file
from gmlm.storage import Store


def read_json(store: Store, manifest: Manifest, path: str) -> dict[str, Any] | None:
    """A JSON object among the files of a data set; None where the data set has no such file.

    Raises:
        StorageError: The file is no JSON object.
    """
    if not any(entry.path == path for entry in manifest.files):
        return None
    key = manifest.key(path)
    try:
        content = json.loads(read_file(store, manifest, path))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise StorageError("not a JSON object", where=key, fix="delete the folder and run the stage again")
    return content
