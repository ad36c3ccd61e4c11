"""Signals become a flag while a block runs; insisting stops at once."""

from __future__ import annotations

import signal
import threading

import pytest

import gmlm.interruption
from gmlm.training.interruption import interruption


@pytest.fixture(autouse=True)
def _no_request_left() -> object:
    yield
    gmlm.interruption.clear()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_flag_and_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruption() as flag:
        assert not flag.requested
        signal.raise_signal(number)
        assert flag.requested
    assert signal.getsignal(number) is before


def test_a_second_signal_stops_at_once() -> None:
    with interruption():
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_other_threads_leave_signals_alone() -> None:
    seen: list[object] = []

    def work() -> None:
        with interruption():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]
