"""Tracing a data set back to the hashes of its raw inputs."""

from __future__ import annotations

import hashlib
import os

import pytest

from gmlm.config import ReportConfig
from gmlm.errors import ConfigError, InputNotFoundError, StorageError
from gmlm.lineage import Finding, LineageNode, environments, lineage, locate, render
from gmlm.manifest import RawInput
from gmlm.usage.record import UsageRecord, record_key

RAW = RawInput(name="pubmed.xml", bytes=1234, sha256=hashlib.sha256(b"raw").hexdigest())
CONFIG = ReportConfig(study="s")


@pytest.fixture
def chain(make_run):
    """report <- evaluate <- (cell a, cell b) <- both the same corpus <- a raw file."""

    def made(stage, name, kind, inputs=None, raw_inputs=()):
        run = make_run(stage, name, inputs=inputs, raw_inputs=raw_inputs)
        return run.publish(kind, CONFIG, [run.write("out", name.encode())])

    corpus = made("corpus", "c", "documents", raw_inputs=(RAW,))
    cells = {f"cell:{name}": made("finetune", name, "predictions", {"corpus": corpus}) for name in "ab"}
    scores = made("evaluate", "e", "scores", cells)
    return {"corpus": corpus, **cells, "evaluate": scores, "report": made("report", "r", "report", {"scores": scores})}


@pytest.fixture
def store(make_run):
    return make_run("any").store


def walk(node: LineageNode) -> list[LineageNode]:
    return [node, *(below for made_from in node.inputs for below in walk(made_from))]


def test_every_chain_ends_at_the_raw_files(chain, store):
    node = lineage(store, chain["report"].prefix)
    assert node.intact
    assert [n.role for n in walk(node)] == ["", "scores", "cell:a", "corpus", "cell:b", "corpus"]
    assert {n.prefix: n.sha256 for n in walk(node)} == {m.prefix: m.sha256 for m in chain.values()}
    assert [n.raw_inputs for n in walk(node) if not n.inputs] == [(RAW,), (RAW,)]


def test_a_shared_input_is_read_once(chain, store, monkeypatch):
    read = []
    original = type(store).read
    monkeypatch.setattr(type(store), "read", lambda self, key: read.append(key) or original(self, key))
    lineage(store, chain["evaluate"].prefix)
    assert read.count(f"{chain['corpus'].prefix}/manifest.json") == 1


def test_the_tree_shows_each_part_once(chain, store):
    sha = {name: manifest.sha256[:16] for name, manifest in chain.items()}
    assert render(lineage(store, chain["report"].prefix)).splitlines() == [
        f"report/r/ffffffffffff  report  sha256 {sha['report']}  ok",
        f"└─ scores: evaluate/e/ffffffffffff  scores  sha256 {sha['evaluate']}  ok",
        f"   ├─ cell:a: finetune/a/ffffffffffff  predictions  sha256 {sha['cell:a']}  ok",
        f"   │  └─ corpus: corpus/c/ffffffffffff  documents  sha256 {sha['corpus']}  ok",
        f"   │     └─ raw: pubmed.xml  1,234 bytes  sha256 {RAW.sha256[:16]}",
        f"   └─ cell:b: finetune/b/ffffffffffff  predictions  sha256 {sha['cell:b']}  ok",
        f"      └─ corpus: corpus/c/ffffffffffff  documents  sha256 {sha['corpus']}  ok (above)",
    ]


def finding_of_corpus(node: LineageNode) -> LineageNode:
    return next(n for n in walk(node) if n.role == "corpus")


def test_a_manifest_changed_by_one_byte_is_a_mismatch_and_ends_the_trace(chain, store):
    key = f"{chain['corpus'].prefix}/manifest.json"
    store.write(key, store.read(key) + b" ")
    node = lineage(store, chain["report"].prefix)
    assert not node.intact
    assert finding_of_corpus(node).finding is Finding.MISMATCH
    assert finding_of_corpus(node).raw_inputs == ()
    assert f"sha256 {chain['corpus'].sha256[:16]}  MISMATCH" in render(node)
    assert render(node).endswith("cannot be traced to all of its inputs.")


def test_a_manifest_that_is_gone_is_missing(chain, store):
    store.delete(f"{chain['corpus'].prefix}/manifest.json")
    node = lineage(store, chain["report"].prefix)
    assert finding_of_corpus(node).finding is Finding.MISSING
    assert not node.intact


def test_a_folder_without_a_manifest_and_a_damaged_manifest_are_named(store):
    with pytest.raises(InputNotFoundError, match="corpus/x/0"):
        lineage(store, "corpus/x/0")
    store.write("corpus/x/0/manifest.json", b"{}")
    with pytest.raises(StorageError, match="damaged manifest"):
        lineage(store, "corpus/x/0")


@pytest.mark.parametrize("ending", ["", "/", "/manifest.json"])
def test_a_data_set_is_located_by_folder_or_manifest(chain, store, ending):
    found, prefix = locate(f"{store.uri}/{chain['report'].prefix}{ending}")
    assert (found.uri, prefix) == (store.uri, chain["report"].prefix)


def test_a_relative_address_is_enough(chain, store, monkeypatch):
    monkeypatch.chdir(f"{store.uri}/corpus/c")
    for address in ("ffffffffffff", "./ffffffffffff/manifest.json", "../../report/r/ffffffffffff"):
        found, prefix = locate(address)
        assert found.uri == store.uri
        assert lineage(found, prefix).intact


def test_an_address_that_is_no_data_set_is_refused(chain, store, monkeypatch):
    with pytest.raises(InputNotFoundError, match="no finished data set"):
        locate(f"{store.uri}/report/r/000000000000")
    with pytest.raises(ConfigError, match="not the address"):
        locate("s3://bucket/report/r")
    monkeypatch.chdir(os.sep)
    with pytest.raises(ConfigError, match="not the address"):
        locate("a")


def test_what_computed_each_output_is_named_once(chain, store):
    def used(made, attempt, **found):
        settings = {"stage": made.stage, "name": made.name, "fingerprint": made.fingerprint, "progress": "p"}
        record = UsageRecord(**settings, seconds=1, cpu_seconds=1, gpu_seconds=0, energy=(), environment=found)
        store.write(record_key(made.stage, made.name, attempt), record.to_bytes())

    used(chain["cell:a"], "one", torch="2.9", processor="x", threads="1")
    used(chain["cell:a"], "two", torch="2.9", processor="x", threads="2")
    used(chain["cell:b"], "one", torch="2.9", processor="x", threads="2")
    used(chain["corpus"], "one")  # by a version that did not record it
    assert environments(store, lineage(store, chain["report"].prefix)) == {
        "torch 2.9, x, 1 thread": ["finetune/a"],
        "torch 2.9, x, 2 threads": ["finetune/a", "finetune/b"],
    }
