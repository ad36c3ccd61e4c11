"""Numbered pieces of work that workers share: each takes a free one by its lease, makes it, and looks for the next."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gmlm.storage.lease import Lease, LeaseLostError, Leases
from gmlm.telemetry import get_logger

log = get_logger(__name__)

FIRST_PAUSE = 1.0
"""Seconds between the first two looks at work that others hold; each pause doubles, up to half the patience with a
silent holder. A thousand that looked more often would keep the store busy."""
REST = 9
"""Pauses are at least so many times as long as the look before, up to the patience with a silent holder: where the
store is slow, those who wait ask less, and still take over what a dead worker held when its time is over."""
FEW = 10
"""Numbers that are asked about one by one: a store lists a thousand keys at the price of so many single questions."""


@dataclass(frozen=True)
class SharedWork:
    """Pieces 0 to `count - 1` of one kind.

    finished: Tells the numbers of what is finished, by whomever.
    is_finished: Tells it of one.
    make: Makes the piece with a number; is given a check that raises where the work is no longer this worker's.
    passed: Is told each number that others have finished.
    """

    leases: Leases
    count: int
    finished: Callable[[], set[int]]
    is_finished: Callable[[int], bool]
    make: Callable[[int, Callable[[], None]], None]
    passed: Callable[[int], None] = lambda number: None

    def finish(self, first: int) -> None:
        """Make what is free, from the number `first` on, and wait while others hold what is left.

        A look costs two listings at most, however many workers there are and whatever they hold. It is taken again when
        its picture is out of date: after all that it found free, or when another worker was faster. Then this one goes
        on at a place of chance, so that those who start alike do not stay together. Who finds nothing waits longer and
        longer, and each a time of its own.
        """
        shortest = min(FIRST_PAUSE, self.leases.patience / 2)
        waiting, place, pause = set(range(self.count)), first, shortest
        few = -1  # the first look lists all that is finished, whatever others hold
        while waiting:
            began = time.monotonic()
            free, looked = self._look(waiting, few), time.monotonic() - began
            few = FEW
            if self._make_each(_from(free, place), waiting):
                pause = shortest
            elif waiting:
                rest = min(REST * looked, self.leases.patience)
                time.sleep(max(pause, rest) * random.uniform(0.5, 1.5))
                pause = min(2 * pause, self.leases.patience / 2)
            place = random.randrange(self.count)

    def _look(self, waiting: set[int], few: int = FEW) -> set[int]:
        """Forget what is finished and return what is free; up to `few` free ones are asked about one by one.

        Leases come first: who has given one back had finished before, which shows now.
        """
        free = waiting - {int(name) for name in self.leases.held()}
        done = waiting & self.finished() if len(free) > few else set(filter(self.is_finished, free))
        for number in sorted(done):
            self.passed(number)
        waiting -= done
        return free - done

    def _make_each(self, numbers: Iterable[int], waiting: set[int]) -> bool:
        """Make one after another until another worker is faster; whether any was made."""
        made = False
        for number in numbers:
            lease = self.leases.take(f"{number:05d}")
            if lease is None or not self._make(number, lease):
                break
            waiting.discard(number)
            made = True
        return made

    def _make(self, number: int, lease: Lease) -> bool:
        """Make one; False if it turns out to be another worker's, which the next look tells of."""
        try:
            with lease.kept(self.leases.every):
                if self.is_finished(number):
                    return False
                self.make(number, lease.check)
        except LeaseLostError:
            log.warning("another worker has taken over", extra={"lease": lease.folder})
            return False
        return True


def _from(free: set[int], place: int) -> list[int]:
    """Those from `place` on, then those before it."""
    return sorted(free, key=lambda number: (number < place, number))
