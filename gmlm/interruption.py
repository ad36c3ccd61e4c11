"""Whether this process was asked to stop, kept beside the KeyboardInterrupt that a library may swallow."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import NoReturn

_requested = threading.Event()


def request() -> None:
    """Note that the process was asked to stop."""
    _requested.set()


def requested() -> bool:
    """Whether it was asked since the last `clear`."""
    return _requested.is_set()


def clear() -> None:
    """Forget it; a new run begins."""
    _requested.clear()


def install() -> None:
    """Make SIGINT and SIGTERM note the request and raise KeyboardInterrupt."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    request()
    raise KeyboardInterrupt
