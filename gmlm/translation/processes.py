"""Workers of one translation as processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager

from gmlm import interruption
from gmlm.config import TranslateConfig
from gmlm.config.workers import worker_count
from gmlm.stage import StageRun
from gmlm.telemetry import Progress

JOIN_SECONDS = 30.0
"""How long a worker that was asked to stop may take."""


@contextmanager
def more_workers(config: TranslateConfig, run: StageRun, shards: int) -> Iterator[None]:
    """Let all workers but one be processes beside the block, spread over the shards.

    They share the cores, and each takes a GPU of its own where there are several. One that fails or is killed is not
    started again: the others do its work. They end when all shards are finished, or when the block fails.
    """
    workers = min(worker_count(), shards)
    context = multiprocessing.get_context("spawn")
    others = [
        context.Process(target=_work, args=(config, run, number, workers, number * shards // workers))
        for number in range(1, workers)
    ]
    if others:
        _share_cores(workers)
    for process in others:
        process.start()
    try:
        yield
    except BaseException:
        for process in others:
            process.terminate()
        raise
    finally:
        for process in others:
            process.join(JOIN_SECONDS)


def _work(config: TranslateConfig, run: StageRun, number: int, workers: int, first: int) -> None:
    interruption.install()
    os.environ["GMLM_PROGRESS"] = "0"
    _share_cores(workers)
    _take_gpu(number)
    from gmlm.translation.work import Worker

    try:
        Worker(config, run, Progress()).work(first)
    except KeyboardInterrupt:
        return


def _share_cores(workers: int) -> None:
    import torch

    torch.set_num_threads(max(1, torch.get_num_threads() // workers))


def _take_gpu(number: int) -> None:
    """Let this process see one GPU only; before CUDA is started here."""
    import ctranslate2

    if "CUDA_VISIBLE_DEVICES" not in os.environ and (count := ctranslate2.get_cuda_device_count()) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(number % count)
