"""The next step's batch is made while this one is computed, so that a GPU does not wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from threading import Thread

from gmlm.training.interface import Batch, BatchFunction


class BatchesAhead:
    """Batches of a function of their number, one of which may be in the making."""

    def __init__(self, batches: BatchFunction) -> None:
        self._batches = batches
        self._number: int | None = None
        self._made: Future[Sequence[Batch]] = Future()

    def take(self, number: int) -> Sequence[Batch]:
        """The micro-batches of a number, made now unless they were begun; what making them raises, this raises."""
        if number != self._number:
            return self._batches(number)
        self._number = None
        return self._made.result()

    def begin(self, number: int) -> None:
        """Make those of a number in the background."""
        self._number, self._made = number, Future()
        Thread(target=_make, args=(self._batches, number, self._made), name="batches").start()


def _make(batches: BatchFunction, number: int, made: Future[Sequence[Batch]]) -> None:
    try:
        made.set_result(batches(number))
    except BaseException as error:  # Whoever takes the batch is to know, not the thread.
        made.set_exception(error)
