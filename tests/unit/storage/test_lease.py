"""One worker at a time holds a lease; a silent holder loses it and finds out."""

from __future__ import annotations

import threading
import time

import pytest

from gmlm.storage.lease import LeaseLostError, Leases


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Asking:
    """A worker that looks before it takes."""

    def __init__(self, store, clock=time.monotonic):
        self.leases = Leases(store, "leases", 10, clock)

    def take(self, name):
        return None if name in self.leases.held() else self.leases.take(name)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def two(backend, clock):
    """Two workers on one store, who both wait for ten seconds."""
    return Asking(backend.store, clock), Asking(backend.store, clock)


def test_what_one_holds_another_does_not_get(two):
    mine, other = two
    assert mine.take("0").generation == 1
    assert other.take("0") is None
    assert other.take("1") is not None


def test_of_many_that_ask_at_once_one_gets_it(backend):
    taken = []
    threads = [threading.Thread(target=lambda: taken.append(Asking(backend.store).take("0"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([lease for lease in taken if lease is not None]) == 1


def test_a_silent_holder_loses_it_after_patience_and_is_fenced_off(two, clock):
    mine, other = two
    lease = mine.take("0")
    lease.check()
    assert other.take("0") is None
    clock.now += 9
    assert other.take("0") is None
    clock.now += 1
    taken = other.take("0")
    assert taken.generation == 2
    taken.check()
    with pytest.raises(LeaseLostError, match="another worker"):
        lease.check()


def test_a_holder_that_beats_keeps_it(two, clock, backend):
    mine, other = two
    lease = mine.take("0")
    for beat in range(5):
        backend.store.write("leases/0/000001.beat", str(beat).encode())
        assert other.take("0") is None
        clock.now += 9
    lease.check()


def until_it_beats(backend, generation):
    deadline = time.monotonic() + 10
    while not backend.store.exists(f"leases/0/{generation:06d}.beat") and time.monotonic() < deadline:
        time.sleep(0.01)


def test_the_heart_beats_while_work_is_done_and_then_nothing_is_left(two, backend):
    mine, other = two
    with mine.take("0").kept(every=0.01):
        until_it_beats(backend, 1)
        assert sorted(backend.store.list("leases")) == ["leases/0/000001", "leases/0/000001.beat"]
        assert other.take("0") is None
    assert not list(backend.store.list("leases"))


def fail(lease, meanwhile, every=0.01):
    with pytest.raises(RuntimeError, match="failed"), lease.kept(every):
        raise RuntimeError(f"failed {meanwhile()}")


def test_a_lease_is_given_back_when_work_fails(two, backend):
    mine, other = two
    fail(mine.take("0"), lambda: until_it_beats(backend, 1))
    assert sorted(backend.store.list("leases")) == ["leases/0/000001", "leases/0/000001.released"]
    assert other.take("0").generation == 2


def test_an_older_holder_stays_fenced_off_after_the_work_is_finished(two, clock, backend):
    mine, other = two
    lease = mine.take("0")
    other.take("0")
    clock.now += 10
    with other.take("0").kept(every=0.01):
        until_it_beats(backend, 2)
    with pytest.raises(LeaseLostError), lease.kept(every=10):
        lease.check()
    assert not backend.store.exists("leases/0/000002.beat")
    assert mine.take("0").generation == 3


def test_a_successor_is_watched_anew(two, clock, backend):
    mine, other = two
    mine.take("0")
    other.take("0")
    clock.now += 10
    other.take("0")
    third = Asking(backend.store, clock)
    assert mine.take("0") is None
    assert third.take("0") is None
    clock.now += 10
    assert third.take("0").generation == 3


def test_what_was_taken_since_the_last_look_is_not_taken_twice(two):
    mine, other = two
    assert mine.leases.held() == other.leases.held() == set()
    took = []
    fail(mine.leases.take("0"), lambda: took.append(other.leases.take("0")))
    assert took == [None]
    assert other.leases.take("0") is None
    assert other.take("0").generation == 2


def test_a_look_is_one_listing_however_many_leases_are_held(backend, monkeypatch):
    for number in range(30):
        Asking(backend.store).take(str(number))
    mine, asked = Leases(backend.store, "leases", 10), []
    for name in ("read", "exists", "create", "write"):
        monkeypatch.setattr(backend.store, name, lambda *_, name=name: asked.append(name))
    assert len(mine.held()) == 30
    assert not asked
