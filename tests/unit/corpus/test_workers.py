"""Work in parallel processes comes back in order, and its errors are ours."""

from __future__ import annotations

import os
import signal

import pytest

from gmlm.config.workers import worker_count
from gmlm.corpus.workers import results_in_order
from gmlm.errors import ConfigError, DataFormatError, StageFailedError


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def fail(number: int) -> int:
    if number == 3:
        raise DataFormatError("not valid", where="file 3", fix="mend it")
    return number


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.fixture
def two_workers(monkeypatch):
    monkeypatch.setenv("GMLM_WORKERS", "2")


def test_one_worker_is_this_process():
    assert list(results_in_order(square, range(3))) == [(0, os.getpid()), (1, os.getpid()), (4, os.getpid())]


def test_several_workers_are_other_processes_and_results_stay_in_order(two_workers):
    results = list(results_in_order(square, range(20)))
    assert [result for result, _ in results] == [number * number for number in range(20)]
    assert os.getpid() not in {process for _, process in results}


def test_tasks_are_drawn_only_shortly_before_they_are_worked_on(two_workers):
    drawn = []
    results = results_in_order(square, (drawn.append(number) or number for number in range(1000)))
    next(results)
    assert len(drawn) < 20
    results.close()


def test_an_error_of_ours_comes_back_whole(two_workers):
    with pytest.raises(DataFormatError) as raised:
        list(results_in_order(fail, range(10)))
    assert str(raised.value) == "file 3: not valid\n  What to do: mend it"


def test_a_killed_worker_is_reported_with_what_to_do(two_workers):
    with pytest.raises(StageFailedError, match=r"ended by the system[\s\S]*lower GMLM_WORKERS \(now 2\)"):
        list(results_in_order(die, range(4)))


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", ""])
def test_a_wrong_number_of_workers_is_refused(monkeypatch, value):
    monkeypatch.setenv("GMLM_WORKERS", value)
    with pytest.raises(ConfigError, match="GMLM_WORKERS"):
        worker_count()
