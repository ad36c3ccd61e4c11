"""Runs the parts of a stage in parallel processes. How many is no part of a study: it changes no byte of the output."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing.context import BaseContext
from typing import TypeVar

from gmlm.config.workers import VARIABLE, worker_count
from gmlm.errors import StageFailedError

Task = TypeVar("Task")
Result = TypeVar("Result")

PRELOADED = ("gmlm.corpus.candidates", "gmlm.corpus.publication", "gmlm.corpus.reading")
"""Modules of the work: a process has them from its start, instead of half a second later."""


def results_in_order(work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
    """What `work` returns for each task, in their order; tasks are drawn only shortly before they are worked on.

    A single task is worked on here, whatever the number of processes.

    Raises:
        StageFailedError: The system ended a process, such as for lack of memory.
        GmlmError: What `work` raises.
    """
    workers, drawn = worker_count(), iter(tasks)
    first = list(islice(drawn, min(workers, 2)))
    if len(first) < 2:
        yield from map(work, chain(first, drawn))
        return
    pool = ProcessPoolExecutor(workers, _context(), initializer=_begin, initargs=(dict(os.environ),))
    try:
        yield from _drawn(pool, work, chain(first, drawn), ahead=2 * workers)
    except BrokenProcessPool:
        fix = f"lower {VARIABLE} (now {workers}) or give the machine more memory; run again: it resumes"
        raise StageFailedError("a worker process was ended by the system", where=VARIABLE, fix=fix) from None
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _context() -> BaseContext:
    """Where processes come from: never forked from this one, whose earlier stages left threads with locks behind.

    On Linux they are forked from a server that has imported their modules and has no threads. Elsewhere the libraries
    of the system do not bear forks.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def _drawn(
    pool: ProcessPoolExecutor, work: Callable[[Task], Result], tasks: Iterable[Task], *, ahead: int
) -> Iterator[Result]:
    waiting = deque[Future[Result]]()
    for task in tasks:
        waiting.append(pool.submit(work, task))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _begin(environment: dict[str, str]) -> None:
    """Begin a process: with the environment of now, interrupted by its parent only, and not outliving it."""
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
