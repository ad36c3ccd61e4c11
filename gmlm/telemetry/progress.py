"""Progress bars with time left, on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm


class Progress:
    """A bar that work advances."""

    def __init__(self, bar: tqdm[None]) -> None:
        self._bar = bar

    def advance(self, count: int = 1) -> None:
        """Add finished units."""
        self._bar.update(count)

    def show(self, **figures: float) -> None:
        """Show figures, such as the loss, behind the bar."""
        self._bar.set_postfix({name: f"{value:.4g}" for name, value in figures.items()}, refresh=False)


@contextmanager
def progress(description: str, *, total: int | None, unit: str = "it", done: int = 0) -> Iterator[Progress]:
    """Show a bar while the block runs; `done` units count as finished before it starts."""
    with tqdm(total=total, desc=description, unit=f" {unit}", initial=done, dynamic_ncols=True, mininterval=0.5) as bar:
        yield Progress(bar)
