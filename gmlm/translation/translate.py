"""The stage `translate`: English documents to German ones, aligned segment by segment, shard by shard."""

from __future__ import annotations

from gmlm.config import TranslateConfig
from gmlm.manifest import Manifest
from gmlm.stage import StageRun
from gmlm.telemetry import progress
from gmlm.translation.finished_shards import drop_damaged
from gmlm.translation.merge import merge
from gmlm.translation.processes import more_workers
from gmlm.translation.reuse import plan_reuse
from gmlm.translation.work import Worker, source_shards


def translate(config: TranslateConfig, run: StageRun) -> Manifest:
    """Publish the German documents with the layout of the English ones, and the alignment of their segments.

    `GMLM_WORKERS` processes of this machine work on it, and any number elsewhere (`work_on`). Each shard is a pure
    function of its documents, so whoever makes it, and however often work is interrupted, the bytes are the same.

    Raises:
        EmptyCorpusError: No document is left after the quality filter.
    """
    plan(config, run)
    work_on(config, run)
    return merge(config, run)


def plan(config: TranslateConfig, run: StageRun) -> int:
    """Prepare the shards for workers, and return their number. Finished ones that are damaged will be made again."""
    drop_damaged(run)
    shards = source_shards(config, run)
    if config.translation.reuse != "shard":
        plan_reuse(config, run, shards)
    return len(shards)


def work_on(config: TranslateConfig, run: StageRun, first: int = 0) -> None:
    """Translate shards from `first` on, round and round, until all are finished, by this worker or by others."""
    shards = source_shards(config, run)
    with (
        progress("Translate", total=shards.documents, unit="document") as bar,
        more_workers(config, run, len(shards)),
    ):
        Worker(config, run, bar).work(first)
