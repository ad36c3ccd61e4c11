"""A manifest and what it lists are what was written, or are not used."""

from __future__ import annotations

import json

import pytest

from gmlm.config import ReportConfig
from gmlm.errors import InputNotFoundError, StorageError
from gmlm.manifest import MANIFEST_NAME, Manifest, read_file, read_manifest


@pytest.fixture
def run(make_run):
    return make_run("report")


@pytest.fixture
def made(run) -> Manifest:
    files = [run.write("model/a.json", b"{}"), run.write("model/b.txt", b"text")]
    return run.publish("model", ReportConfig(study="s"), files, counters={"in": 3}, metrics={"f1": 0.1 + 0.2})


def flipped(data: bytes, place: int, bit: int = 0) -> bytes:
    return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def test_it_is_read_as_it_was_written(run, made):
    assert read_manifest(run.store, run.prefix) == made
    assert read_manifest(run.store, run.prefix).to_bytes() == run.store.read(made.key(MANIFEST_NAME))


def test_a_bit_that_flips_in_it_is_found_wherever_it_is(run, made):
    whole = made.to_bytes()
    for place in range(len(whole)):
        run.store.write(made.key(MANIFEST_NAME), flipped(whole, place, place % 8))
        with pytest.raises(StorageError, match="damaged manifest"):
            read_manifest(run.store, run.prefix)


def test_one_that_is_cut_off_is_found(run, made):
    whole = made.to_bytes()
    for length in range(0, len(whole) - 1, 7):
        run.store.write(made.key(MANIFEST_NAME), whole[:length])
        with pytest.raises(StorageError, match="damaged manifest"):
            read_manifest(run.store, run.prefix)


def test_one_of_an_older_version_without_a_digest_is_read(run, made):
    content = json.loads(made.to_bytes())
    del content["sha256"]
    run.store.write(made.key(MANIFEST_NAME), json.dumps(content).encode())
    assert read_manifest(run.store, run.prefix) == made


def test_a_file_that_was_changed_is_named(run, made):
    assert read_file(run.store, made, "model/b.txt") == b"text"
    run.store.write(made.key("model/b.txt"), b"tezt")
    with pytest.raises(StorageError, match=r"model/b\.txt: its sha256 is not the one recorded"):
        read_file(run.store, made, "model/b.txt")
    with pytest.raises(StorageError, match=r"model/b\.txt: its sha256 is not the one recorded"):
        run.local_folder(made, "model")


def test_a_file_that_is_not_listed_is_not_read(run, made):
    run.store.write(made.key("model/c.txt"), b"foreign")
    with pytest.raises(InputNotFoundError, match="no such file"):
        read_file(run.store, made, "model/c.txt")
