"""Leases: which of several workers does a piece of work, by conditional writes and heartbeats, without common clocks.

A lease is a folder of the store. Who creates the key of the next generation there holds it, and shows by a growing
counter that it lives. Who has watched that counter stand still for `patience` seconds of its own clock may create the
next generation: from then on the older holder is fenced off, as it finds when it looks (`Lease.check`). The scheme is
that of generation clocks and fencing tokens (Kleppmann, Designing Data-Intensive Applications, 2017, chapter 8).

One listing tells a worker of all leases: who holds one, whose heart has beaten since, and who has given one back. So
the requests of a worker that waits do not grow with the leases that others hold. Nor does the listing grow with the
work that is finished: its leases are gone, so whoever takes a lease looks whether the work is still to be done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from gmlm.errors import AlreadyExistsError, GmlmError, StorageError
from gmlm.storage.base import Store

BEATS_PER_PATIENCE = 4
"""Heartbeats that must be lost before a holder is taken for dead."""
BEAT, RELEASED = "beat", "released"
"""Ends of the keys beside a generation: its heartbeat, and that its holder has gone on its own account."""


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
        """Beat every so many seconds while the block runs, which does the work or raises, and give the lease back."""
        try:
            with self._beating(every):
                yield self
        except BaseException:
            self._give_back()
            raise
        self._forget()

    @contextmanager
    def _beating(self, every: float) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._beat, args=(stop, every), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _beat(self, stop: threading.Event, every: float) -> None:
        count = 0
        while not stop.wait(every):
            count += 1
            self._write(BEAT, str(count).encode())

    def _forget(self) -> None:
        """Leave nothing of the lease of finished work; but what fences off an older holder stays."""
        if self.generation > 1:
            self._give_back()
        else:
            self._delete(f".{BEAT}")
            self._delete("")

    def _give_back(self) -> None:
        """Say so, and take away the heartbeat: what is left of a lease lengthens everybody's listings."""
        self._write(RELEASED, b"")
        self._delete(f".{BEAT}")

    def _delete(self, end: str) -> None:
        try:
            self.store.delete(f"{_key(self.folder, self.generation)}{end}")
        except GmlmError:  # what is left is taken for a silent holder's
            return

    def _write(self, end: str, content: bytes) -> None:
        try:
            self.store.write(f"{_key(self.folder, self.generation)}.{end}", content)
        except GmlmError:  # a store that is away for a moment: the next beat tells, or another worker takes over
            return


@dataclass(frozen=True)
class _State:
    """What a listing tells of one lease."""

    generation: int = 0
    beat: str | None = None
    released: bool = False


class Leases:
    """The leases below a folder, as one worker sees them. It looks at all of them, then takes some that are free."""

    def __init__(self, store: Store, folder: str, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._folder, self.patience, self._clock = store, folder, patience, clock
        self._states: Mapping[str, _State] = {}
        self._since: dict[str, tuple[_State, float]] = {}

    @property
    def every(self) -> float:
        """Seconds between two heartbeats."""
        return self.patience / BEATS_PER_PATIENCE

    def held(self) -> set[str]:
        """Names of the leases that are neither given back nor held by one that was silent for `patience` seconds.

        A holder's silence counts from the first look that met it: so a worker looks again and again.
        """
        now = self._clock()
        self._states = self._look()
        self._since = {
            name: known if (known := self._since.get(name)) and known[0] == state else (state, now)
            for name, state in self._states.items()
            if not state.released
        }
        return {name for name, (_, since) in self._since.items() if now - since < self.patience}

    def take(self, name: str) -> Lease | None:
        """Take a lease that the last look did not find held; None if another worker has taken it since then.

        Another may have taken it and finished the work since then: look whether there is anything left to do.
        """
        folder = f"{self._folder}/{name}"
        generation = self._states.get(name, _State()).generation + 1
        try:
            self._store.create(_key(folder, generation), b"")
        except AlreadyExistsError:
            return None
        return Lease(self._store, folder, generation)

    def _look(self) -> dict[str, _State]:
        """The newest generation of each lease, by one listing: its keys come in order."""
        states: dict[str, _State] = {}
        for key, version in self._store.versions(self._folder).items():
            name, _, last = key.removeprefix(f"{self._folder}/").rpartition("/")
            number, _, end = last.partition(".")
            known = states.get(name, _State())
            state = known if known.generation == int(number) else _State(int(number))
            beat, released = (version if end == BEAT else state.beat), state.released or end == RELEASED
            states[name] = _State(state.generation, beat, released)
        return states


def _key(folder: str, generation: int) -> str:
    return f"{folder}/{generation:06d}"
