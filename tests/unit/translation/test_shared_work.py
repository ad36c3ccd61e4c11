"""Pieces of work that are shared: each is made once; who waits asks for two listings a look, more and more rarely."""

from __future__ import annotations

import random
import threading

import pytest

from gmlm.storage.lease import Leases
from gmlm.storage.local import LocalStore
from gmlm.translation import shared_work
from gmlm.translation.shared_work import SharedWork


class Counting:
    """A store that counts what it is asked."""

    def __init__(self, store):
        self._store, self.asked = store, []

    def __getattr__(self, name):
        def call(*arguments):
            self.asked.append(name)
            return getattr(self._store, name)(*arguments)

        return call


class Team:
    """Pieces that are finished, and who made them."""

    def __init__(self, store, count):
        self.store, self.count, self.made, self.done = store, count, [], set()

    def work(self, patience=60.0, make=None):
        leases = Leases(self.store, "leases", patience)
        return SharedWork(leases, self.count, self.finished, self.is_finished, make or self.make)

    def finished(self):
        self.store.asked.append("finished")
        return set(self.done)

    def is_finished(self, number):
        self.store.asked.append("is finished")
        return number in self.done

    def make(self, number, check):
        self.made.append(number)
        check()
        self.done.add(number)


@pytest.fixture
def store(tmp_path):
    return Counting(LocalStore(tmp_path))


@pytest.fixture
def pauses(monkeypatch):
    """What was waited; nothing is."""
    waited = []
    monkeypatch.setattr(shared_work.time, "sleep", waited.append)
    return waited


@pytest.mark.parametrize("first", [0, 3, 6])
def test_one_alone_makes_all_from_its_place_on_after_one_look(store, pauses, first):
    team = Team(store, 7)
    team.work().finish(first)
    assert team.made == [*range(first, 7), *range(first)]
    assert store.asked.count("versions") == store.asked.count("finished") == 1
    assert store.asked.count("create") == 7
    assert not pauses


def test_many_that_begin_at_the_same_place_make_each_piece_once(store):
    team = Team(store, 40)
    threads = [threading.Thread(target=lambda: team.work(patience=2.0).finish(0)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(team.made) == list(range(40))


@pytest.mark.parametrize(("held", "asked"), [(1, ["is finished"]), (10, ["is finished"] * 10), (200, ["finished"])])
def test_who_waits_asks_once_a_look_whatever_others_hold_and_waits_longer(store, monkeypatch, held, asked):
    """What is finished it asks when something is no longer held: one by one, or of more all at once."""
    team, waited, looked = Team(store, held), [], []
    others = Leases(store, "leases", 60.0)
    leases = [others.take(f"{number:05d}") for number in range(held)]
    store.asked.clear()

    def sleep(seconds):
        waited.append(seconds)
        if len(waited) == 8:
            looked.extend(store.asked)
            team.done |= set(range(held))
            for lease in leases:
                with lease.kept(60.0):
                    pass
            store.asked.clear()

    monkeypatch.setattr(shared_work.time, "sleep", sleep)
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)
    team.work().finish(0)
    assert waited == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert looked == ["versions", "finished", *["versions"] * 7]
    assert store.asked == ["versions", *asked]
    assert not team.made


@pytest.mark.parametrize(("patience", "waits"), [(600.0, 180.0), (60.0, 60.0)])
def test_who_waits_asks_less_where_the_store_is_slow_but_within_the_patience(store, monkeypatch, patience, waits):
    """A look takes 20 s here."""
    team, waited, clock = Team(store, 1), [], iter(range(0, 10_000, 20))
    lease = Leases(store, "leases", patience).take("00000")

    def sleep(seconds):
        waited.append(seconds)
        team.done.add(0)
        with lease.kept(patience):
            pass

    monkeypatch.setattr(shared_work.time, "sleep", sleep)
    monkeypatch.setattr(shared_work.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)
    team.work(patience=patience).finish(0)
    assert waited == [waits]


def test_what_was_finished_since_the_look_is_not_made_again(store, pauses):
    """Its lease is gone, so another is had; the rest of the picture is as old, and is not gone by."""
    team = Team(store, 3)
    work = team.work()
    assert work._look({0, 1, 2}) == {0, 1, 2}
    team.done.add(0)
    assert not work._make_each([0, 1, 2], {0, 1, 2})
    assert not team.made
    assert not list(store.list("leases"))


def test_what_was_finished_while_it_was_taken_over_is_not_made_again(store, pauses):
    """Its holder was slow, not dead: it finished between the look and the taking."""
    team = Team(store, 1)
    Leases(store, "leases", 0.0).take("00000")
    work = team.work(patience=0.0)
    assert work._look({0}) == {0}
    team.done.add(0)
    assert not work._make_each([0], {0})
    assert not team.made
