"""SIGINT and SIGTERM as a flag that the loop looks at between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import gmlm.interruption


class Interruption:
    """Whether the process was asked to stop."""

    def __init__(self) -> None:
        self.requested = False

    def request(self, number: int, frame: FrameType | None) -> None:
        """Note the signal; a second one stops at once, as Python does by default."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        gmlm.interruption.request()


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Catch SIGINT and SIGTERM while the block runs; outside the main thread signals are left alone."""
    flag = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = {number: signal.signal(number, flag.request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
