"""Workers of one translation: each takes a free shard by a lease, translates it, and looks for the next."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from gmlm.config import TranslateConfig
from gmlm.errors import ConfigError
from gmlm.stage import StageRun
from gmlm.storage.lease import Lease, LeaseLostError, Leases
from gmlm.telemetry import Progress, get_logger
from gmlm.translation.finished_shards import FOLDER, finished_numbers, is_finished, mark_finished
from gmlm.translation.shard_translator import ShardTranslator
from gmlm.translation.source_shards import SourceShards

log = get_logger(__name__)

LEASES = f"{FOLDER}/leases"
"""Folder of the leases within the stage's output."""
PATIENCE = 60.0
"""Seconds of silence after which a worker is taken for dead, unless GMLM_LEASE_SECONDS says otherwise."""
LOOK_SECONDS = 2.0
"""Longest time between two looks at shards that others hold."""


def lease_seconds() -> float:
    """How long a silent worker keeps its shard.

    Raises:
        ConfigError: GMLM_LEASE_SECONDS is not a positive number.
    """
    text = os.environ.get("GMLM_LEASE_SECONDS", str(PATIENCE))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise ConfigError("not a positive number of seconds", where="GMLM_LEASE_SECONDS", fix="set it to 60")
    return seconds


def source_shards(config: TranslateConfig, run: StageRun) -> SourceShards:
    """The shards of a translation's source."""
    return SourceShards(run.store, run.inputs["documents"], config.translation.documents_per_shard)


class Worker:
    """Translates shards until all of a translation are finished, whoever finishes them."""

    def __init__(self, config: TranslateConfig, run: StageRun, bar: Progress) -> None:
        self._run, self._bar = run, bar
        self._shards = source_shards(config, run)
        self._translator = ShardTranslator(config, run)
        self._leases = Leases(run.store, lease_seconds())

    def work(self, first: int = 0) -> None:
        """Work from the shard `first` on, round and round; wait while others hold what is left.

        Waiting is what takes over the shards of a worker that dies last.
        """
        waiting = [*range(first, len(self._shards)), *range(min(first, len(self._shards)))]
        while waiting:
            left = self._pass_over(waiting)
            if len(left) == len(waiting):
                time.sleep(min(self._leases.every, LOOK_SECONDS))
            waiting = left

    def _pass_over(self, waiting: Sequence[int]) -> list[int]:
        """Look at each shard once, and return those that are not finished."""
        finished, left = finished_numbers(self._run), list[int]()
        for number in waiting:
            if number in finished:
                self._bar.advance(self._shards.rows(number))
            elif not self._finish(number):
                left.append(number)
        return left

    def _finish(self, number: int) -> bool:
        """Translate a shard if its lease is free; whether it is finished now."""
        lease = self._leases.take(self._run.key(f"{LEASES}/{number:05d}"))
        if lease is None:
            return False
        with lease.kept(self._leases.every):
            if is_finished(self._run, number):
                self._bar.advance(self._shards.rows(number))
                return True
            return self._translate(number, lease)

    def _translate(self, number: int, lease: Lease) -> bool:
        try:
            shard = self._translator.translate(number, self._shards.read(number), self._bar, lease.check)
            lease.check()
        except LeaseLostError:
            log.warning("another worker has taken over", extra={"shard": number})
            return False
        mark_finished(self._run, number, shard)
        return True
