"""Runs the parts of a stage in parallel processes. How many is no part of a study: it changes no byte of the output."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from gmlm.config.workers import VARIABLE, worker_count
from gmlm.errors import StageFailedError

Task = TypeVar("Task")
Result = TypeVar("Result")


def results_in_order(work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
    """What `work` returns for each task, in their order; tasks are drawn only shortly before they are worked on.

    Raises:
        StageFailedError: The system ended a process, such as for lack of memory.
        GmlmError: What `work` raises.
    """
    workers = worker_count()
    if workers == 1:
        yield from map(work, tasks)
        return
    # Forked processes would inherit locks of threads that earlier stages left behind; these start afresh.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_interrupts_to_the_parent)
    try:
        yield from _drawn(pool, work, tasks, ahead=2 * workers)
    except BrokenProcessPool:
        fix = f"lower {VARIABLE} (now {workers}) or give the machine more memory; run again: it resumes"
        raise StageFailedError("a worker process was ended by the system", where=VARIABLE, fix=fix) from None
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


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


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
