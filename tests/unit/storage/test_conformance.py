"""What every store promises, shown on a folder, on moto and (as integration) on a real S3 server."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import pickle
import threading
from pathlib import Path

import pytest

from gmlm.errors import AccessDeniedError, AlreadyExistsError, InputNotFoundError, StorageError
from gmlm.storage import open_store, probe_conditional_writes

LARGE = 33 << 20  # three parts
REAL = pytest.param("versitygw", marks=pytest.mark.integration)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000], ids=["empty", "tiny", "binary"])
def test_what_is_written_is_read(backend, data):
    stored = backend.store.write("stage/name/file.bin", data)
    assert backend.store.read("stage/name/file.bin") == data
    assert (stored.key, stored.bytes, stored.sha256) == ("stage/name/file.bin", len(data), sha256(data))


def test_a_second_write_replaces_the_first(backend):
    backend.store.write("k", b"old, and longer")
    backend.store.write("k", b"new")
    assert backend.store.read("k") == b"new"


def test_keys_may_have_umlauts_blanks_and_signs(backend):
    keys = ["Überweisung/Größe äöüß.json", "a+b=c&d%20e/ß", "日本/x"]
    for key in keys:
        backend.store.write(key, key.encode())
    assert [backend.store.read(key).decode() for key in keys] == keys
    assert list(backend.store.list()) == sorted(keys)


def test_a_missing_object_is_named(backend):
    with pytest.raises(InputNotFoundError, match="no/such/key"):
        backend.store.read("no/such/key")
    with pytest.raises(InputNotFoundError, match="no/such/key"):
        backend.store.download("no/such/key", Path("never-written"))
    assert not backend.store.exists("no/such/key")
    assert not Path("never-written").exists()


def test_a_key_is_created_once(backend):
    stored = backend.store.create("lease", b"first")
    assert stored.sha256 == sha256(b"first")
    with pytest.raises(AlreadyExistsError, match="lease"):
        backend.store.create("lease", b"second")
    assert backend.store.read("lease") == b"first"


@pytest.mark.parametrize("same_bytes", [False, True])
def test_of_sixteen_that_create_at_once_exactly_one_wins(backend, same_bytes):
    barrier, winners, losers, others = threading.Barrier(16), [], [], []

    def compete(number: int) -> None:
        data = b"the same" if same_bytes else f"writer {number}".encode()
        barrier.wait()
        try:
            backend.store.create("race/lease", data)
            winners.append(data)
        except AlreadyExistsError:
            losers.append(number)
        except Exception as error:
            others.append(error)

    threads = [threading.Thread(target=compete, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert others == []
    assert (len(winners), len(losers)) == (1, 15)
    assert backend.store.read("race/lease") == winners[0]


def test_listing_is_sorted_and_stays_within_the_folder(backend):
    for key in ["a/2", "a/10", "a/b/c", "a-b", "ab/x", "b"]:
        backend.store.write(key, b"")
    assert list(backend.store.list("a")) == list(backend.store.list("a/")) == ["a/10", "a/2", "a/b/c"]
    assert list(backend.store.list()) == ["a-b", "a/10", "a/2", "a/b/c", "ab/x", "b"]
    assert list(backend.store.list("nothing/here")) == []
    assert list(backend.store.list("b")) == []


def test_listing_goes_on_over_pages(backend, monkeypatch):
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "50")
    count = 1030 if backend.name == "versitygw" else 130  # S3 gives 1000 keys a page
    keys = [f"pages/{number:05d}" for number in range(count)]
    for key in reversed(keys):
        backend.store.write(key, b"")
    assert list(backend.store.list("pages")) == keys


def test_a_mark_changes_with_its_object_and_with_no_other(backend):
    for key in ("v/b", "v/a", "w/a"):
        backend.store.write(key, b"1")
    first = backend.store.versions("v")
    assert list(first) == ["v/a", "v/b"]
    assert backend.store.versions("v") == first
    backend.store.write("v/a", b"2")
    second = backend.store.versions("v/")
    assert second["v/a"] != first["v/a"]
    assert second["v/b"] == first["v/b"]
    backend.store.delete("v/a")
    assert set(backend.store.versions("v")) == {"v/b"}


def test_a_deleted_object_is_gone_and_deleting_nothing_is_no_error(backend):
    backend.store.write("d/k", b"x")
    assert backend.store.exists("d/k")
    backend.store.delete("d/k")
    backend.store.delete("d/k")
    assert not backend.store.exists("d/k")
    assert list(backend.store.list()) == []


def test_a_large_file_goes_up_and_down_in_parts(backend, tmp_path):
    source, back = tmp_path / "source", tmp_path / "deep" / "folder" / "back"
    source.write_bytes(os.urandom(LARGE))
    stored = backend.store.upload(source, "shards/00000.parquet")
    assert (stored.bytes, stored.sha256) == (LARGE, sha256(source.read_bytes()))
    backend.store.download("shards/00000.parquet", back, sha256=stored.sha256)
    assert back.read_bytes() == source.read_bytes()
    assert sha256(backend.store.read("shards/00000.parquet")) == stored.sha256


def test_a_small_file_goes_up_and_down(backend, tmp_path):
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(b"small")
    backend.store.upload(source, "s")
    backend.store.download("s", back)
    assert back.read_bytes() == b"small"


def test_a_local_file_that_is_missing_is_named(backend, tmp_path):
    with pytest.raises(InputNotFoundError, match="nowhere"):
        backend.store.upload(tmp_path / "nowhere.txt", "k")
    assert not backend.store.exists("k")


def test_a_download_with_another_sha256_leaves_the_old_file(backend, tmp_path):
    target = tmp_path / "target"
    target.write_bytes(b"old")
    backend.store.write("k", b"what the store has")
    with pytest.raises(StorageError, match="sha256"):
        backend.store.download("k", target, sha256=sha256(b"what was recorded"))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["target"]
    assert target.read_bytes() == b"old"


def test_an_object_changed_behind_the_stores_back_is_noticed(backend, tmp_path):
    stored = backend.store.write("k", b"original")
    backend.tamper("k", b"0riginal")
    with pytest.raises(StorageError, match="sha256"):
        backend.store.download("k", tmp_path / "x", sha256=stored.sha256)
    if backend.is_s3:  # a folder keeps no checksums: there the manifest's entry is what is compared
        with pytest.raises(StorageError, match="sha256"):
            backend.store.read("k")
        with pytest.raises(StorageError, match="sha256"):
            backend.store.download("k", tmp_path / "x")


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", "a\0b", ".partial-1"])
def test_a_key_cannot_leave_its_store(backend, key, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    for act in (
        lambda: backend.store.read(key),
        lambda: backend.store.write(key, b"x"),
        lambda: backend.store.create(key, b"x"),
        lambda: backend.store.upload(tmp_path / "file", key),
        lambda: backend.store.download(key, tmp_path / "y"),
        lambda: backend.store.exists(key),
        lambda: backend.store.delete(key),
    ):
        with pytest.raises(StorageError, match="not a key"):
            act()
    with pytest.raises(StorageError, match="not a key"):
        list(backend.store.list("../x"))


def test_the_probe_finds_that_conditional_writes_work_and_leaves_nothing(backend):
    probe_conditional_writes(backend.store)
    assert list(backend.store.list()) == []


def test_the_address_opens_the_same_store_again(backend):
    backend.store.write("k", b"x")
    assert open_store(backend.store.uri).read("k") == b"x"


def test_a_store_can_be_pickled_and_survives_a_fork(backend):
    backend.store.write("k", b"from the parent")
    assert pickle.loads(pickle.dumps(backend.store)).read("k") == b"from the parent"  # noqa: S301
    child = multiprocessing.get_context("fork").Process(target=backend.store.write, args=("child", b"from the child"))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert backend.store.read("child") == b"from the child"
    assert backend.store.read("k") == b"from the parent"


@pytest.mark.parametrize("backend", ["moto", REAL], indirect=True)
def test_a_missing_bucket_is_named_by_every_method(backend, tmp_path):
    store = open_store("s3://gmlm-no-such-bucket/x")
    (tmp_path / "file").write_bytes(b"x")
    for act in (
        lambda: store.read("k"),
        lambda: store.write("k", b""),
        lambda: store.create("k", b""),
        lambda: store.upload(tmp_path / "file", "k"),
        lambda: store.exists("k"),
        lambda: list(store.list()),
        lambda: store.delete("k"),
        lambda: probe_conditional_writes(store),
    ):
        with pytest.raises(InputNotFoundError, match="s3://gmlm-no-such-bucket: no such bucket"):
            act()
    with pytest.raises(InputNotFoundError, match="gmlm-no-such-bucket"):
        store.download("k", tmp_path / "y")


@pytest.mark.parametrize("backend", [REAL], indirect=True)  # neither a folder nor moto asks for credentials
def test_wrong_credentials_are_refused_by_every_method(backend, monkeypatch, tmp_path):
    backend.store.write("k", b"x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    store = open_store(backend.store.uri)
    (tmp_path / "file").write_bytes(b"x")
    for act in (
        lambda: store.read("k"),
        lambda: store.write("k", b""),
        lambda: store.create("k", b""),
        lambda: store.upload(tmp_path / "file", "k"),
        lambda: store.download("k", tmp_path / "y"),
        lambda: store.exists("k"),
        lambda: list(store.list()),
        lambda: store.delete("k"),
    ):
        with pytest.raises(AccessDeniedError):
            act()
    assert backend.store.read("k") == b"x"
