"""Work in parallel processes comes back in order, and its errors are ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from gmlm.config.workers import worker_count
from gmlm.corpus.workers import PRELOADED, results_in_order
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


def surroundings(_: int) -> tuple[str | None, bool]:
    """A variable of the environment, and whether the modules of the work were there before any work."""
    return os.environ.get("GMLM_TEST_MARK"), set(PRELOADED) <= set(sys.modules)


@pytest.fixture
def two_workers(monkeypatch):
    monkeypatch.setenv("GMLM_WORKERS", "2")


def test_one_worker_is_this_process():
    assert list(results_in_order(square, range(3))) == [(0, os.getpid()), (1, os.getpid()), (4, os.getpid())]


def test_several_workers_are_other_processes_and_results_stay_in_order(two_workers):
    results = list(results_in_order(square, range(20)))
    assert [result for result, _ in results] == [number * number for number in range(20)]
    assert os.getpid() not in {process for _, process in results}


def test_a_single_task_starts_no_process(two_workers):
    assert list(results_in_order(square, [7])) == [(49, os.getpid())]
    assert not list(results_in_order(square, []))


@pytest.mark.parametrize("mark", ["one", "two"])
def test_processes_have_the_environment_of_now_and_their_modules(two_workers, monkeypatch, mark):
    monkeypatch.setenv("GMLM_TEST_MARK", mark)
    assert set(results_in_order(surroundings, range(4))) == {(mark, sys.platform == "linux")}


OUTLIVED = """
import os, signal, sys
sys.path.insert(0, {folder!r})
from gmlm.corpus.workers import results_in_order
from test_workers import square
if __name__ == "__main__":
    found = results_in_order(square, range(100))
    print(*{{process for _, process in (next(found) for _ in range(40))}}, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_do_not_outlive_a_killed_parent(tmp_path, two_workers):
    script = tmp_path / "killed.py"
    script.write_text(OUTLIVED.format(folder=os.path.dirname(__file__)))
    killed = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    processes = [int(process) for process in killed.stdout.split()]
    assert processes
    for process in processes:
        end = time.monotonic() + 20
        while os.path.exists(f"/proc/{process}") and "Z" not in state_of(process):
            assert time.monotonic() < end, "a process has outlived its parent"
            time.sleep(0.05)


def state_of(process: int) -> str:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


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
