"""Segments that occur again are translated once: in a shard, in the whole source, or in the whole store."""

from __future__ import annotations

import threading
from collections import Counter

import pyarrow.parquet as pq
import pytest

import gmlm.translation.reuse as reuse
import gmlm.translation.shard_translator as shard_translator
from gmlm.config import SourceConfig, TranslateConfig
from gmlm.shards import Document, write_documents
from gmlm.telemetry import Progress
from gmlm.translation.merge import merge
from gmlm.translation.segment_memory import SegmentMemory, memory_bytes, read_memory, segment_hashes
from gmlm.translation.translate import plan, translate
from gmlm.translation.work import Worker

DOCUMENTS = [
    Document(f"d{n}", "notes", "en", f"No acute distress.\nDay {n % 5} was quiet.\nSeen by day {n}.\n120/80")
    for n in range(12)
]


class Upper:
    """Upper-cases, and counts what it is given."""

    source_limit = 50

    def __init__(self):
        self.seen = Counter()

    def lengths(self, texts):
        return [len(text.split()) for text in texts]

    def translate(self, batch):
        self.seen.update(batch)
        return [text.upper() for text in batch]


@pytest.fixture
def engine(monkeypatch):
    engine = Upper()
    monkeypatch.setattr(shard_translator, "open_engine", lambda model, decoding: engine)
    return engine


@pytest.fixture
def run_on(make_run, tiny_translator):
    def run(name="notes_de", documents=DOCUMENTS, fingerprint="f" * 64):
        ingest = make_run("ingest", name, fingerprint=str(len(documents)) * 64)
        source = ingest.publish(
            "documents", SourceConfig(reader="text", path="x"), write_documents(ingest, iter(documents))
        )
        inputs = {"documents": source, "translator": tiny_translator}
        return make_run("translate", name, inputs=inputs, fingerprint=fingerprint)

    return run


def config(reuse, **settings):
    translation = {"source": "notes", "translator": "tiny", "documents_per_shard": 3, "max_flagged_ratio": 1.0}
    return TranslateConfig(translation=translation | {"reuse": reuse} | settings, decoding={"batch_tokens": 8})


def contents(run):
    return {key: run.store.read(key) for key in run.store.list(run.prefix)}


def files(run):
    return {key: data for key, data in contents(run).items() if key.endswith(".parquet")}


def clear(run):
    for key in list(run.store.list(run.prefix)):
        run.store.delete(key)


def test_a_source_translates_each_segment_once_and_gives_the_same_documents(run_on, engine):
    run = run_on()
    translate(config("shard"), run)
    by_shard, times = files(run), engine.seen.copy()
    assert max(times.values()) == 4
    clear(run)
    engine.seen.clear()
    translate(config("run"), run)
    assert files(run) == by_shard
    assert set(engine.seen) == set(times)
    assert set(engine.seen.values()) == {1}
    assert not list(run.store.list("segments"))


def test_workers_that_share_segments_translate_each_once(run_on, engine, monkeypatch):
    monkeypatch.setenv("GMLM_LEASE_SECONDS", "4")
    monkeypatch.setattr(reuse, "REPEATS_PER_PART", 2)
    run = run_on()
    translate(config("run"), run)
    alone = contents(run)
    clear(run)
    engine.seen.clear()
    plan(config("run"), run)
    workers = [Worker(config("run"), run, Progress()) for _ in range(3)]
    threads = [threading.Thread(target=worker.work, args=(number,)) for number, worker in enumerate(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    merge(config("run"), run)
    assert contents(run) == alone
    assert set(engine.seen.values()) == {1}


def test_a_later_run_translates_only_what_is_new(run_on, engine):
    translate(config("store"), run_on())
    engine.seen.clear()
    stricter = run_on("stricter", fingerprint="a" * 64)
    translate(config("store", max_length_ratio=2.0), stricter)
    assert not engine.seen
    longer = run_on("longer", [*DOCUMENTS, Document("new", "notes", "en", "Day 3 was quiet.\nAll is new.")], "b" * 64)
    manifest = translate(config("store"), longer)
    assert engine.seen == {"All is new.": 1}
    assert manifest.counters["out"] == 13


def test_another_decoding_shares_nothing(run_on, engine):
    translate(config("store"), run_on())
    engine.seen.clear()
    other = config("store").model_copy(
        update={"decoding": config("store").decoding.model_copy(update={"beam_size": 4})}
    )
    translate(other, run_on("other", fingerprint="a" * 64))
    assert engine.seen


def test_what_is_known_is_settled_when_it_is_planned(run_on, engine):
    """A run that finishes between two workers' starts must not change what the second one makes."""
    run = run_on()
    plan(config("store"), run)
    other = run_on("other", fingerprint="a" * 64)
    translate(config("store"), other)
    engine.seen.clear()
    translate(config("store"), run)
    assert set(engine.seen.values()) == {1}


def test_an_interrupted_run_plans_only_once(run_on, engine, monkeypatch):
    run = run_on()
    assert plan(config("run"), run) == 4
    monkeypatch.setattr(reuse, "segment_hashes", None)
    assert plan(config("run"), run) == 4


def test_shared_segments_that_the_model_cannot_take_whole_are_left_to_their_shards(run_on, engine):
    long = " ".join(f"word{n}" for n in range(60)) + "."
    run = run_on(documents=[Document(str(n), "notes", "en", long) for n in range(6)])
    manifest = translate(config("run"), run)
    assert manifest.counters["out"] == 6
    assert long not in engine.seen


class TestMemory:
    def test_it_finds_what_it_holds(self):
        memory = SegmentMemory([read(memory_bytes({"a": "A", "b": "B"})), read(memory_bytes({"a": "other", "c": "C"}))])
        assert memory.lookup(["c", "x", "a"]) == {"a": "A", "c": "C"}
        assert SegmentMemory().lookup(["a"]) == {}
        assert memory.lookup([]) == {}

    def test_equal_hashes_are_told_apart_by_text(self, monkeypatch):
        import numpy as np

        import gmlm.translation.segment_memory as module

        monkeypatch.setattr(module, "segment_hashes", lambda texts: np.zeros(len(texts), "<u8"))
        memory = SegmentMemory([read(memory_bytes({"a": "A", "b": "B"}))])
        assert memory.lookup(["b", "c"]) == {"b": "B"}

    def test_hashes_are_the_same_on_every_machine(self):
        assert segment_hashes(["Fever", "Übelkeit"]).tolist() == [int.from_bytes(d, "little") for d in KNOWN_DIGESTS]

    def test_a_part_can_be_read_in_part(self, run_on):
        run = run_on()
        run.store.write("part", memory_bytes({"a": "A", "b": "B"}))
        assert read_memory(run.store, "part", only=segment_hashes(["b"])).to_pylist()[0]["source"] == "b"
        assert memory_bytes({"b": "B", "a": "A"}) == memory_bytes({"a": "A", "b": "B"})


def read(data):
    from io import BytesIO

    return pq.read_table(BytesIO(data))


def _digests():
    from hashlib import blake2b

    return [blake2b(text.encode(), digest_size=8).digest() for text in ("Fever", "Übelkeit")]


KNOWN_DIGESTS = _digests()
