"""kill -9 at points of a study's file work and at any time: what was published stays, and the end is the same."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gmlm.storage import open_store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

EVERY = 12
"""Of the points of an uninterrupted run, one in so many is died at, and the first of each kind."""
LIFE = 200
"""Points that a process lives for in the last test; the longest stage has fewer."""
RANDOM = 45
"""Processes that are killed at a random time."""


class Trials:
    """Runs the study in forked processes, each to be killed, and compares with an uninterrupted run."""

    def __init__(self, faults: Any, study: Path, folder: Path) -> None:
        self.faults, self.study, self.folder = faults, study, folder
        self.store = folder / "store"
        self.longest_loss = 0
        whole = folder / "whole"
        killer = faults.Killer(str(whole), None, kinds=folder / "kinds")
        started = time.monotonic()
        assert faults.forked(self._work(whole, killer)) == 0
        self.seconds = time.monotonic() - started
        self.kinds = (folder / "kinds").read_text().split()
        self.steps = killer.shared[faults.TRAINED]
        self.expected = faults.contents(open_store(str(whole)))

    def _work(self, store: Path, killer: Any) -> Callable[[], None]:
        def work() -> None:
            killer.install()
            self.faults.run_study(self.study, str(store))

        return work

    def kill_and_resume(self, at: int | None, after: float | None = None) -> int:
        """Kill one run, check what it left, finish it with another; the exit code of the first."""
        shutil.rmtree(self.store, ignore_errors=True)
        first = self.faults.Killer(str(self.store), at)
        code = self.faults.forked(self._work(self.store, first), kill_after=after)
        self.faults.check_published(open_store(str(self.store)))
        second = self.faults.Killer(str(self.store), None)
        assert self.faults.forked(self._work(self.store, second)) == 0
        assert self.faults.contents(open_store(str(self.store))) == self.expected, f"killed at {at} or after {after}"
        repeated = first.shared[self.faults.TRAINED] + second.shared[self.faults.TRAINED] - self.steps
        self.longest_loss = max(self.longest_loss, repeated)
        # Training goes on while a checkpoint is written, for as long as an interval at most: then it waits for it.
        assert repeated <= 2 * self.faults.CHECKPOINT_EVERY
        return int(code)


@pytest.fixture(scope="module")
def trials(imported: None, faults: Any, study: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GMLM_PROGRESS", "0")
        yield Trials(faults, study, tmp_path_factory.mktemp("trials"))


def test_killed_at_points_of_its_file_work(trials: Trials, record_property: Callable[[str, object], None]) -> None:
    first = {kind: number for number, kind in reversed(list(enumerate(trials.kinds, start=1)))}
    points = sorted({*first.values(), *range(1, len(trials.kinds) + 1, EVERY)})
    killed: Counter[str] = Counter()
    for at in points:
        assert trials.kill_and_resume(at) == -9
        killed[trials.kinds[at - 1]] += 1
    kinds = ", ".join(f"{count} at {kind}" for kind, count in sorted(killed.items()))
    record_property(
        "figure",
        f"{len(points)} kills of {len(trials.kinds)} points ({kinds}); at most {trials.longest_loss} steps "
        f"trained again, a checkpoint every {trials.faults.CHECKPOINT_EVERY}; all {len(trials.expected)} files equal",
    )


def test_killed_at_random_times(trials: Trials, record_property: Callable[[str, object], None]) -> None:
    draw, killed = random.Random(7), 0
    for _ in range(RANDOM):
        killed += trials.kill_and_resume(None, after=draw.uniform(0.02, 0.95) * trials.seconds) == -9
    assert killed >= RANDOM * 3 // 4  # the others had ended before
    record_property("figure", f"{killed} kills at random times; all {len(trials.expected)} files equal each time")


def test_killed_again_and_again_until_it_is_done(
    trials: Trials, record_property: Callable[[str, object], None]
) -> None:
    """Each process lives only so long: what it has published and checkpointed carries the next."""
    shutil.rmtree(trials.store, ignore_errors=True)
    died = 0
    while True:
        killer = trials.faults.Killer(str(trials.store), LIFE)
        code = trials.faults.forked(trials._work(trials.store, killer))
        trials.faults.check_published(open_store(str(trials.store)))
        if code == 0:
            break
        assert code == -9
        died += 1
        assert died < 30, "no progress"
    assert trials.faults.contents(open_store(str(trials.store))) == trials.expected
    record_property(
        "figure", f"{died} processes died at their {LIFE}th point one after another, the next ended the study"
    )
