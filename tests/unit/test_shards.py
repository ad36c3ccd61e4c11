"""What a stage sets aside is written whole, however much it is, and held in memory in part only."""

from __future__ import annotations

import json

import pytest

from gmlm import shards
from gmlm.shards import Quarantine


@pytest.mark.parametrize("held", [1, 3, 1000])
def test_the_quarantine_is_the_same_whatever_is_held_in_memory(make_run, monkeypatch, held):
    monkeypatch.setattr(shards, "LINES_HELD", held)
    run = make_run("translate")
    quarantine = Quarantine(run)
    for number in range(10):
        quarantine.reject(file="a", position=str(number), reason="odd" if number % 2 else "even", record="Größe")
        assert len(quarantine._lines) < held
    (entry,) = quarantine.write()
    lines = [json.loads(line) for line in run.store.read(run.key(entry.path)).splitlines()]
    assert [line["position"] for line in lines] == [str(number) for number in range(10)]
    assert entry.rows == quarantine.total == 10
    assert quarantine.counters() == {"rejected": 10, "rejected: even": 5, "rejected: odd": 5}


def test_lines_of_an_interrupted_run_are_not_written_again(make_run, monkeypatch):
    monkeypatch.setattr(shards, "LINES_HELD", 1)
    run = make_run("translate")
    Quarantine(run).reject(file="a", position="1", reason="odd")
    assert Quarantine(run).write() == []
    again = Quarantine(run)
    again.reject(file="a", position="2", reason="odd")
    (entry,) = again.write()
    assert b'"position": "1"' not in run.store.read(run.key(entry.path))
