"""Leases: which of several workers does a piece of work, by conditional writes and heartbeats, without common clocks.

A lease is a folder of the store. Who creates the key of the next generation there holds it, and shows by a growing
counter that it lives. Who has watched that counter stand still for `patience` seconds of its own clock may create the
next generation: from then on the older holder is fenced off, as it finds when it looks (`Lease.check`). The scheme is
that of generation clocks and fencing tokens (Kleppmann, Designing Data-Intensive Applications, 2017, chapter 8).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gmlm.errors import AlreadyExistsError, GmlmError, InputNotFoundError, StorageError
from gmlm.storage.base import Store

RELEASED = b"released"
"""Heartbeat of a holder that has gone on its own account: the next need not wait."""
BEATS_PER_PATIENCE = 4
"""Heartbeats that must be lost before a holder is taken for dead."""


class LeaseLostError(StorageError):
    """Another worker has taken over: this one was silent for too long and must not go on."""


@dataclass(frozen=True)
class Lease:
    """A lease that is held; `generation` grows with each holder."""

    store: Store
    folder: str
    generation: int

    def check(self) -> None:
        """Raise LeaseLostError if another worker has taken over."""
        if self.store.exists(_key(self.folder, self.generation + 1)):
            raise LeaseLostError("another worker has taken over", where=self.folder, fix="nothing: that worker goes on")

    @contextmanager
    def kept(self, every: float) -> Iterator[Lease]:
        """Beat every so many seconds while the block runs, and give the lease back after it."""
        stop = threading.Event()
        thread = threading.Thread(target=self._beat, args=(stop, every), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join()
            self._write(RELEASED)

    def _beat(self, stop: threading.Event, every: float) -> None:
        count = 0
        while not stop.wait(every):
            count += 1
            self._write(str(count).encode())

    def _write(self, beat: bytes) -> None:
        try:
            self.store.write(_beat_key(self.folder, self.generation), beat)
        except GmlmError:  # a store that is away for a moment: the next beat tells, or another worker takes over
            return


class Leases:
    """Takes leases of a store for one worker."""

    def __init__(self, store: Store, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._patience, self._clock = store, patience, clock
        self._seen: dict[str, tuple[int, bytes, float]] = {}

    @property
    def every(self) -> float:
        """Seconds between two heartbeats."""
        return self._patience / BEATS_PER_PATIENCE

    def take(self, folder: str) -> Lease | None:
        """Take the lease of a folder if it is free, given back, or its holder was silent for `patience` seconds.

        A holder's silence counts from the first call that met it: so a worker asks again and again.
        """
        generation = max((_generation(key) for key in self._store.list(folder)), default=0)
        if generation and not self._is_over(folder, generation):
            return None
        try:
            self._store.create(_key(folder, generation + 1), b"")
        except AlreadyExistsError:
            return None
        return Lease(self._store, folder, generation + 1)

    def _is_over(self, folder: str, generation: int) -> bool:
        try:
            beat = self._store.read(_beat_key(folder, generation))
        except InputNotFoundError:
            beat = b""
        if beat == RELEASED:
            return True
        known = self._seen.get(folder)
        if known is None or known[:2] != (generation, beat):
            self._seen[folder] = (generation, beat, self._clock())
            return False
        return self._clock() - known[2] >= self._patience


def _key(folder: str, generation: int) -> str:
    return f"{folder}/{generation:06d}"


def _beat_key(folder: str, generation: int) -> str:
    return f"{_key(folder, generation)}.beat"


def _generation(key: str) -> int:
    return int(key.rpartition("/")[2].partition(".")[0])
