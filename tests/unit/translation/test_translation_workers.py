"""Several workers share a translation: each shard is made once, nothing is lost when one dies, the bytes are equal."""

from __future__ import annotations

import threading
import time

import pytest

import gmlm.translation.shard_translator as shard_translator
from gmlm.config import SourceConfig, TranslateConfig
from gmlm.errors import ConfigError, StorageError
from gmlm.shards import ShardWriter
from gmlm.storage.lease import LeaseLostError, Leases
from gmlm.telemetry import Progress
from gmlm.translation.merge import merge
from gmlm.translation.source_shards import SourceShards
from gmlm.translation.translate import plan, translate, work_on
from gmlm.translation.work import LEASES, Worker, lease_seconds
from tests.unit.translation.conftest import DOCUMENTS


class Slow:
    """An engine that takes a moment, numbers nothing, and remembers what it was given."""

    source_limit = 50

    def __init__(self, seconds=0.0):
        self.seconds, self.batches = seconds, []

    def lengths(self, texts):
        return [len(text.split()) for text in texts]

    def translate(self, batch):
        time.sleep(self.seconds)
        self.batches.append(list(batch))
        return [text.upper() for text in batch]


@pytest.fixture
def engines(monkeypatch):
    """All engines that were opened."""
    opened = []

    def opening(model, decoding):
        opened.append(Slow())
        return opened[-1]

    monkeypatch.setattr(shard_translator, "open_engine", opening)
    return opened


def config(**settings):
    translation = {"source": "notes", "translator": "tiny", "documents_per_shard": 3, "max_flagged_ratio": 1.0}
    return TranslateConfig(translation=translation | settings, decoding={"batch_tokens": 8, "compute_type": "float32"})


def contents(run):
    return {key: run.store.read(key) for key in run.store.list(run.prefix)}


def clear(run):
    for key in list(run.store.list(run.prefix)):
        run.store.delete(key)


def batches(engines):
    return [tuple(batch) for engine in engines for batch in engine.batches]


@pytest.mark.parametrize("size", [1, 3, 5, 7, 12, 20])
def test_shards_cut_documents_however_files_are_cut(run, size):
    shards = SourceShards(run.store, run.inputs["documents"], size)
    read = [shards.read(number) for number in range(len(shards))]
    assert [document for shard in read for document in shard] == DOCUMENTS
    assert [len(shard) for shard in read] == [shards.rows(number) for number in range(len(shards))]
    assert [shards.ids(number) for number in range(len(shards))] == [[d.id for d in shard] for shard in read]


def test_an_empty_source_has_no_shards(make_run):
    ingest = make_run("ingest", "none")
    source = ingest.publish("documents", SourceConfig(reader="text", path="notes"), [])
    assert len(SourceShards(ingest.store, source, 3)) == 0


def test_workers_at_once_make_each_shard_once_and_the_bytes_of_one(run, engines):
    translate(config(), run)
    alone = contents(run)
    expected = sorted(batches(engines))
    clear(run)
    engines.clear()
    assert plan(config(), run) == 4
    threads = [threading.Thread(target=lambda n=n: Worker(config(), run, Progress()).work(n)) for n in (0, 1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    merge(config(), run)
    assert contents(run) == alone
    assert sorted(batches(engines)) == expected


def test_processes_of_this_machine_make_the_bytes_of_one(run, monkeypatch):
    translate(config(), run)
    alone = contents(run)
    clear(run)
    monkeypatch.setenv("GMLM_WORKERS", "2")
    translate(config(), run)
    assert contents(run) == alone


def test_a_worker_that_dies_loses_one_batch_at_most(run, engines):
    translate(config(), run)
    alone, expected = contents(run), sorted(batches(engines))
    assert len(expected) > 6
    for done in (0, 1, len(expected) // 2, len(expected) - 1):
        clear(run)
        engines.clear()
        die_after(engines, done, run)
        made = batches(engines)
        translate(config(), run)
        assert contents(run) == alone
        assert len(batches(engines)) <= len(expected) + 1
        assert sorted({*batches(engines)}) == sorted({*expected})
        assert len(made) == done + 1


def die_after(engines, count, run):
    """Work until so many batches are saved; the next one is translated and lost."""

    class DiedError(BaseException):
        pass

    writes = []
    original = type(run.store).write

    def write(store, key, data):
        if "/batches/" in key:
            writes.append(key)
            if len(writes) > count:
                raise DiedError
        return original(store, key, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(run.store), "write", write)
        with pytest.raises(DiedError):
            translate(config(), run)


def test_the_shards_of_a_silent_worker_are_taken_over_and_it_is_fenced_off(run, engines, monkeypatch):
    monkeypatch.setenv("GMLM_LEASE_SECONDS", "0.2")
    silent = Leases(run.store, run.key(f"{LEASES}/shards"), 0.2).take("00000")
    work_on(config(), run)
    with pytest.raises(LeaseLostError):
        silent.check()
    assert merge(config(), run).counters["out"] == 12
    assert batches(engines)


def test_a_worker_that_comes_back_publishes_nothing(run, engines):
    worker = Worker(config(), run, Progress())
    original = Slow.translate

    def overtaken(engine, batch):
        others = Leases(run.store, run.key(f"{LEASES}/shards"), 0)
        others.held()
        assert others.take("00000") is not None
        return original(engine, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Slow, "translate", overtaken)
        patch.setattr(Slow, "lengths", lambda engine, texts: [1] * len(texts))  # one batch, in which it happens
        assert not finish(worker, 0)
    assert not [key for key in run.store.list(run.prefix) if "/documents/" in key or "unfinished/shards/" in key]
    assert finish(worker, 1)


def finish(worker, number):
    return worker.shards()._make_each([number], {number})


def test_a_saved_batch_that_is_damaged_is_translated_again(run, engines):
    die_after(engines, 2, run)
    saved = [key for key in run.store.list(run.prefix) if "/batches/" in key]
    assert len(saved) == 2
    run.store.write(saved[0], b"[1")
    run.store.write(saved[1], b'["too short"]')
    before = len(batches(engines))
    translate(config(), run)
    assert batches(engines)[0] in batches(engines)[before:]


def test_nothing_of_the_work_is_left_behind(run, engines):
    manifest = translate(config(), run)
    listed = {manifest.key(file.path) for file in manifest.files} | {run.key("manifest.json")}
    assert set(contents(run)) == listed


class TestMerge:
    @pytest.fixture(autouse=True)
    def _worked(self, run, engines):
        plan(config(), run)
        work_on(config(), run)

    def test_a_shard_without_a_marker_is_named(self, run):
        run.store.delete(run.key("unfinished/shards/00002.json"))
        with pytest.raises(StorageError, match="translate/notes_de: shard 2 of 4 is not finished"):
            merge(config(), run)

    def test_a_damaged_file_is_named_and_made_again(self, run):
        good = run.store.read(run.key("documents/00001.parquet"))
        run.store.write(run.key("documents/00001.parquet"), b"PAR1")
        with pytest.raises(StorageError, match="shard 1 of 4"):
            merge(config(), run)
        translate(config(), run)
        assert run.store.read(run.key("documents/00001.parquet")) == good

    @pytest.mark.parametrize("change", ["swapped", "lost", "doubled"])
    def test_documents_of_another_shard_are_noticed(self, run, change):
        """Files that agree with their marker, but not with the source: as an aligned corpus must never have."""
        import pyarrow.parquet as pq

        from gmlm.translation.finished_shards import find_finished, mark_finished

        shard = find_finished(run, 1)
        entry = shard.files[0]
        rows = pq.read_table(run.store.local_path(run.key(entry.path))).to_pylist()
        rows = {"swapped": rows[::-1], "lost": rows[:-1], "doubled": [*rows, rows[0]]}[change]
        writer = ShardWriter(run, first_shard=1)
        for row in rows:
            writer.write(row)
        writer.flush()
        mark_finished(run, 1, shard.model_copy(update={"files": (writer.entries[0], shard.files[1])}))
        with pytest.raises(StorageError, match="shard 1 are not those of its source"):
            merge(config(), run)


@pytest.mark.parametrize("value", ["", "soon", "0", "-1"])
def test_a_wrong_patience_is_named(monkeypatch, value):
    monkeypatch.setenv("GMLM_LEASE_SECONDS", value)
    with pytest.raises(ConfigError, match="GMLM_LEASE_SECONDS"):
        lease_seconds()
