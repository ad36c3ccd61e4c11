"""Progress with time left, on standard error: a bar for people, a line now and then where nobody watches.

What is under way is also kept in `LIVE`, from which a scrape reads how far each stage is.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

LINE_INTERVAL = 10.0
"""Least number of seconds between two lines where standard error is no terminal."""


_stage: ContextVar[str] = ContextVar("stage", default="")


@contextmanager
def stage_at_work(stage: str) -> Iterator[None]:
    """Let the progress of the block belong to this stage."""
    token = _stage.set(stage)
    try:
        yield
    finally:
        _stage.reset(token)


class Progress:
    """What work reports to; this base shows nothing.

    Attributes:
        stage: Stage that the work belongs to; empty outside of one.
        total: Units of the whole work; None if unknown.
        done: Units that are finished.
        started: Unix time at which it began.
    """

    def __init__(self, *, total: int | None = None, done: int = 0) -> None:
        self.stage, self.total, self.done, self.started = _stage.get(), total, done, time.time()

    def advance(self, count: int = 1) -> None:
        """Add finished units."""
        self.done += count

    def show(self, **figures: float) -> None:
        """Show figures, such as the loss, behind the progress."""


class Bar(Progress):
    """A bar on a terminal."""

    def __init__(self, bar: tqdm[Any], *, total: int | None, done: int) -> None:
        super().__init__(total=total, done=done)
        self._bar = bar

    def advance(self, count: int = 1) -> None:
        """Add finished units."""
        super().advance(count)
        self._bar.update(count)

    def show(self, **figures: float) -> None:
        """Show figures behind the bar."""
        self._bar.set_postfix(_formatted(figures), refresh=False)


class Lines(Progress):
    """A line at most every `LINE_INTERVAL` seconds, so that logs stay short; none for work that takes less."""

    def __init__(self, description: str, *, total: int | None, unit: str, done: int) -> None:
        super().__init__(total=total, done=done)
        self._description, self._unit, self._first = description, unit, done
        self._begun = self._printed = time.monotonic()
        self._figures: dict[str, str] = {}

    def advance(self, count: int = 1) -> None:
        """Add finished units."""
        super().advance(count)
        now = time.monotonic()
        if now - self._printed >= LINE_INTERVAL:
            self._printed = now
            print(self._line(now - self._begun), file=sys.stderr, flush=True)

    def show(self, **figures: float) -> None:
        """Show figures in the next line."""
        self._figures = _formatted(figures)

    def _line(self, elapsed: float) -> str:
        rate = (self.done - self._first) / elapsed if elapsed > 0 else 0.0
        line = f"{self._description}: {self.done} {self._unit}"
        if self.total:
            line = f"{self._description}: {self.done} of {self.total} {self._unit} ({self.done / self.total:.0%})"
            if rate > 0:
                line += f", {_clock(max(self.total - self.done, 0) / rate)} left"
        return ", ".join([line, f"{rate:.3g} {self._unit}/s", *(f"{name} {v}" for name, v in self._figures.items())])


LIVE: list[Progress] = []
"""What is under way in this process, outermost first."""


@contextmanager
def progress(description: str, *, total: int | None, unit: str = "it", done: int = 0) -> Iterator[Progress]:
    """Show progress while the block runs; GMLM_PROGRESS=0 turns it off.

    Args:
        description: What is being done; a fixed phrase or a name.
        total: Number of units; None if unknown.
        unit: What is counted.
        done: Units finished before the block starts, such as by an interrupted run.
    """
    with _shown(description, total, unit, done) as work:
        LIVE.append(work)
        try:
            yield work
        finally:
            LIVE.remove(work)


@contextmanager
def _shown(description: str, total: int | None, unit: str, done: int) -> Iterator[Progress]:
    if os.environ.get("GMLM_PROGRESS") == "0":
        yield Progress(total=total, done=done)
    elif sys.stderr.isatty():
        from tqdm import tqdm

        bar: tqdm[Any]
        with tqdm(total=total, desc=description, unit=f" {unit}", initial=done, dynamic_ncols=True) as bar:
            yield Bar(bar, total=total, done=done)
    else:
        yield Lines(description, total=total, unit=unit, done=done)


def _formatted(figures: dict[str, float]) -> dict[str, str]:
    return {name: f"{value:.4g}" for name, value in figures.items()}


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
