"""Workers of one translation: each takes a free shard by a lease, translates it, and looks for the next."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from gmlm.config import TranslateConfig
from gmlm.errors import AccessDeniedError, ConfigError
from gmlm.stage import StageRun
from gmlm.storage.lease import Leases
from gmlm.telemetry import Progress
from gmlm.translation.finished_shards import FOLDER, finished_numbers, is_marked, mark_finished
from gmlm.translation.reuse import SharedSegments, read_plan
from gmlm.translation.saved_batches import SavedBatches
from gmlm.translation.shard_translator import ShardTranslator
from gmlm.translation.shared_work import SharedWork
from gmlm.translation.source_shards import SourceShards

LEASES = f"{FOLDER}/leases"
"""Folder of the leases within the stage's output."""
PATIENCE = 60.0
"""Seconds of silence after which a worker is taken for dead, unless GMLM_LEASE_SECONDS says otherwise."""


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


def check_may_be_sent(run: StageRun) -> None:
    """Refuse to send a restricted source to a service that is not declared to be in the house.

    The study was checked when it was read; this holds for whoever calls the stage.

    Raises:
        AccessDeniedError: It would be sent.
    """
    endpoint = run.inputs["translator"].config.get("endpoint")
    restricted = run.inputs["documents"].config.get("restricted")
    if restricted and isinstance(endpoint, dict) and not endpoint.get("in_cluster"):
        raise AccessDeniedError(
            "the source is restricted and may not be sent to a service outside",
            where=f"{run.stage}/{run.name}",
            fix="use a local model, or an endpoint with 'in_cluster: true'",
        )


class Worker:
    """Translates shards until all of a translation are finished, whoever finishes them."""

    def __init__(self, config: TranslateConfig, run: StageRun, bar: Progress) -> None:
        check_may_be_sent(run)
        self._config, self._run, self._bar = config, run, bar
        self._shards = source_shards(config, run)
        self._translator = ShardTranslator(config, run)

    def work(self, first: int = 0) -> None:
        """Work from the shard `first` on until all are finished; wait while others hold what is left.

        Waiting is what takes over the shards of a worker that dies last.
        """
        if self._config.translation.reuse != "shard":
            self._share_segments(first)
        self.shards().finish(first)

    def shards(self) -> SharedWork:
        """The shards as work that is shared."""
        return SharedWork(
            self._leases("shards"),
            len(self._shards),
            partial(finished_numbers, self._run),
            partial(is_marked, self._run),
            self._translate_shard,
            self._pass_by,
        )

    def _leases(self, kind: str) -> Leases:
        return Leases(self._run.store, self._run.key(f"{LEASES}/{kind}"), lease_seconds())

    def _share_segments(self, first: int) -> None:
        """Translate what several shards share, together with the other workers, and take all of it to the shards."""
        shared, plan = SharedSegments(self._config, self._run), read_plan(self._run)

        def translate(number: int, check: Callable[[], None]) -> None:
            batches = SavedBatches(lambda: self._translator.engine, self._run, f"repeats-{number:05d}", check)
            shared.translate(number, batches, check)
            batches.forget()

        work = SharedWork(self._leases("repeats"), plan.parts, shared.finished, shared.is_finished, translate)
        work.finish(first % max(plan.parts, 1))
        self._translator.use(shared.memory(plan))

    def _translate_shard(self, number: int, check: Callable[[], None]) -> None:
        shard = self._translator.translate(number, self._shards.read(number), self._bar, check)
        check()
        mark_finished(self._run, number, shard)

    def _pass_by(self, number: int) -> None:
        self._bar.advance(self._shards.rows(number))
