"""Keeps the output of each batch in the store until its shard is finished: who dies loses one batch at most."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

from gmlm.config import RetryConfig
from gmlm.errors import InputNotFoundError, StorageError
from gmlm.stage import StageRun
from gmlm.translation.engines import Engine

FOLDER = "unfinished/batches"
"""Folder of the outputs within the stage's output."""


class SavedBatches:
    """An engine that finds the batches of one shard that an earlier worker has translated.

    A batch is named by the hash of its segments. The batches of a shard are a pure function of it, so what is found is
    what would be made. `before` is called ahead of each batch; it raises where the work is no longer this worker's.
    """

    def __init__(self, engine: Callable[[], Engine], run: StageRun, shard: str, before: Callable[[], None]) -> None:
        self._open, self._run, self._before = engine, run, before
        self._folder = run.key(f"{FOLDER}/{shard}")
        self._known = set(run.store.list(self._folder))

    @property
    def source_limit(self) -> int:
        """Longest source segment in tokens."""
        return self._open().source_limit

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Lengths in tokens."""
        return self._open().lengths(texts)

    def translate(self, batch: Sequence[str], retry: RetryConfig | None = None) -> list[str]:
        """The output of a batch: as it was saved, or made now and saved."""
        key = f"{self._folder}/{_hash(batch, retry)}.json"
        if key in self._known and (saved := self._read(key, len(batch))) is not None:
            return saved
        self._before()
        engine = self._open()
        outputs = engine.translate(batch) if retry is None else engine.translate(batch, retry)
        self._run.store.write(key, json.dumps(outputs, ensure_ascii=False).encode())
        self._known.add(key)
        return outputs

    def forget(self) -> None:
        """Remove what was saved, once the shard holds it."""
        for key in sorted(self._known):
            self._run.store.delete(key)

    def _read(self, key: str, size: int) -> list[str] | None:
        """A saved output; None if it is damaged or gone, so that the batch is translated again."""
        try:
            outputs = json.loads(self._run.store.read(key))
        except (ValueError, StorageError, InputNotFoundError):
            return None
        fits = isinstance(outputs, list) and len(outputs) == size and all(isinstance(each, str) for each in outputs)
        return outputs if fits else None


def _hash(batch: Sequence[str], retry: RetryConfig | None) -> str:
    way = "retry" if retry else "first"  # one run retries in one way
    return hashlib.sha256(json.dumps([way, *batch], ensure_ascii=False).encode()).hexdigest()
