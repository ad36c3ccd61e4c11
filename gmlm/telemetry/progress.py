"""Progress with time left, on standard error: a bar for people, a line now and then where nobody watches."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

LINE_INTERVAL = 10.0
"""Least number of seconds between two lines where standard error is no terminal."""


class Progress:
    """What work reports to; this base shows nothing."""

    def advance(self, count: int = 1) -> None:
        """Add finished units."""

    def show(self, **figures: float) -> None:
        """Show figures, such as the loss, behind the progress."""


class Bar(Progress):
    """A bar on a terminal."""

    def __init__(self, bar: tqdm[Any]) -> None:
        self._bar = bar

    def advance(self, count: int = 1) -> None:
        """Add finished units."""
        self._bar.update(count)

    def show(self, **figures: float) -> None:
        """Show figures behind the bar."""
        self._bar.set_postfix(_formatted(figures), refresh=False)


class Lines(Progress):
    """A line at most every `LINE_INTERVAL` seconds, so that logs stay short; none for work that takes less."""

    def __init__(self, description: str, *, total: int | None, unit: str, done: int) -> None:
        self._description, self._total, self._unit = description, total, unit
        self._first = self._done = done
        self._started = self._printed = time.monotonic()
        self._figures: dict[str, str] = {}

    def advance(self, count: int = 1) -> None:
        """Add finished units."""
        self._done += count
        now = time.monotonic()
        if now - self._printed >= LINE_INTERVAL:
            self._printed = now
            print(self._line(now - self._started), file=sys.stderr, flush=True)

    def show(self, **figures: float) -> None:
        """Show figures in the next line."""
        self._figures = _formatted(figures)

    def _line(self, elapsed: float) -> str:
        rate = (self._done - self._first) / elapsed if elapsed > 0 else 0.0
        line = f"{self._description}: {self._done} {self._unit}"
        if self._total:
            line = f"{self._description}: {self._done} of {self._total} {self._unit} ({self._done / self._total:.0%})"
            if rate > 0:
                line += f", {_clock(max(self._total - self._done, 0) / rate)} left"
        return ", ".join([line, f"{rate:.3g} {self._unit}/s", *(f"{name} {v}" for name, v in self._figures.items())])


@contextmanager
def progress(description: str, *, total: int | None, unit: str = "it", done: int = 0) -> Iterator[Progress]:
    """Show progress while the block runs; GMLM_PROGRESS=0 turns it off.

    Args:
        description: What is being done; a fixed phrase or a name.
        total: Number of units; None if unknown.
        unit: What is counted.
        done: Units finished before the block starts, such as by an interrupted run.
    """
    if os.environ.get("GMLM_PROGRESS") == "0":
        yield Progress()
    elif sys.stderr.isatty():
        from tqdm import tqdm

        bar: tqdm[Any]
        with tqdm(total=total, desc=description, unit=f" {unit}", initial=done, dynamic_ncols=True) as bar:
            yield Bar(bar)
    else:
        yield Lines(description, total=total, unit=unit, done=done)


def _formatted(figures: dict[str, float]) -> dict[str, str]:
    return {name: f"{value:.4g}" for name, value in figures.items()}


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
