"""What a folder adds to the promises of every store: durability, permissions, full disks, leftovers."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from gmlm.errors import AlreadyExistsError, DiskFullError, InputNotFoundError, StorageError
from gmlm.storage.files import ABANDONED_AFTER, TEMPORARY
from gmlm.storage.local import LocalStore


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


def everything_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def writers(store: LocalStore, source: Path, key: str = "a/k"):
    """The ways to put new bytes under a key."""
    source.write_bytes(b"n" * 100_000)
    return {
        "write": lambda: store.write(key, b"n" * 100_000),
        "create": lambda: store.create(key + "-created", b"n" * 100_000),
        "upload": lambda: store.upload(source, key),
    }


@pytest.mark.parametrize("way", ["write", "create", "upload"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_leaves_what_was_there(store, tmp_path, monkeypatch, way, code):
    store.write("a/k", b"old")
    act = writers(store, tmp_path / "source")[way]

    def full(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="a/k"):
        act()
    monkeypatch.undo()
    assert store.read("a/k") == b"old"
    assert everything_below(tmp_path / "store") == ["a/k"]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("way", ["write", "create", "upload"])
def test_a_disk_that_is_really_full_keeps_the_old_object(small_disk, tmp_path, way):
    store = LocalStore(small_disk)
    store.write("a/k", b"old")
    with pytest.raises(DiskFullError):
        writers(store, tmp_path / "source")[way]()
    assert everything_below(small_disk) == ["a/k"]
    assert store.read("a/k") == b"old"
    assert store.write("a/k", b"new").bytes == 3


def test_a_download_to_a_full_disk_keeps_the_old_file(small_disk, store):
    store.write("k", b"n" * 100_000)
    (small_disk / "target").write_bytes(b"old")
    with pytest.raises(DiskFullError, match="target"):
        store.download("k", small_disk / "target")
    assert everything_below(small_disk) == ["target"]


def test_files_travel_between_devices(small_disk, tmp_path):
    store, source = LocalStore(small_disk), tmp_path / "source"
    source.write_bytes(b"over the border")
    assert small_disk.stat().st_dev != tmp_path.stat().st_dev
    store.upload(source, "k")
    store.download("k", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"over the border"


@pytest.mark.parametrize("way", ["write", "create", "upload"])
def test_content_then_name_reach_the_disk(store, tmp_path, monkeypatch, way):
    act = writers(store, tmp_path / "source", "new/folder/k")[way]
    flushed = []
    original = os.fsync

    def record(descriptor: int) -> None:
        flushed.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).relative_to(tmp_path).as_posix())
        original(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    act()
    assert flushed[:3] == ["store/new", "store", "."]
    assert flushed[3].startswith(f"store/new/folder/{TEMPORARY}")
    assert flushed[4:] == ["store/new/folder"]


def test_objects_get_the_mode_that_the_umask_allows(store, tmp_path):
    before = os.umask(0o027)
    try:
        for act in writers(store, tmp_path / "source").values():
            act()
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "store" / "a").iterdir()}
    assert modes == {"k": 0o640, "k-created": 0o640}


def without_rights(act) -> str:
    """Call `act` in a child that is not root, and return its error."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            act()
            os.write(write, b"no error")
        except BaseException as error:
            os.write(write, f"{type(error).__name__}: {error}".encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as answer:
        return answer.read()


@pytest.fixture
def open_path(tmp_path):
    """Let others pass through pytest's own folders, which are private."""
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    return tmp_path


def test_a_folder_without_rights_is_named_by_every_method(open_path, store):
    store.write("locked/k", b"x")
    source, locked = open_path / "source", open_path / "store" / "locked"
    source.write_bytes(b"x")
    source.chmod(0o644)
    locked.chmod(0o000)
    try:
        for act in (
            lambda: store.read("locked/k"),
            lambda: store.write("locked/k", b"y"),
            lambda: store.create("locked/new", b"y"),
            lambda: store.upload(source, "locked/k"),
            lambda: store.exists("locked/k"),
            lambda: store.delete("locked/k"),
            lambda: list(store.list("locked")),
            lambda: list(store.list()),
        ):
            answer = without_rights(act)
            assert answer.startswith("AccessDeniedError")
            assert str(open_path / "store") in answer
    finally:
        locked.chmod(0o755)
    assert store.read("locked/k") == b"x"


def test_listing_shows_files_only_and_none_that_are_being_written(store, tmp_path):
    store.write("a/k", b"")
    (tmp_path / "store" / "a" / "empty folder").mkdir()
    (tmp_path / "store" / "a" / f"{TEMPORARY}1").write_bytes(b"half")
    assert list(store.list()) == ["a/k"]


def test_a_store_that_does_not_exist_yet_is_empty(tmp_path):
    store = LocalStore(tmp_path / "not yet")
    assert list(store.list()) == []
    assert not store.exists("k")
    assert not (tmp_path / "not yet").exists()


def test_a_folder_is_no_object(store):
    store.write("a/k", b"")
    assert not store.exists("a")
    with pytest.raises(InputNotFoundError, match="folder"):
        store.read("a")
    with pytest.raises(InputNotFoundError):
        store.read("a/k/below")


def test_local_paths_stay_within_the_store(store, tmp_path):
    assert store.local_path("a/k") == tmp_path / "store" / "a" / "k"
    assert store.local_path("") == tmp_path / "store"
    with pytest.raises(StorageError, match="not a key"):
        store.local_path("../../etc")


def aged(path: Path, seconds: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def test_what_a_killed_writer_left_is_removed_and_what_is_being_written_stays(store, tmp_path):
    folder = tmp_path / "store" / "a"
    dead = aged(folder / f"{TEMPORARY}dead", ABANDONED_AFTER + 60)
    alive = aged(folder / f"{TEMPORARY}alive", ABANDONED_AFTER - 60)
    old = aged(folder / "object", ABANDONED_AFTER + 60)
    store.write("a/k", b"x")
    assert (dead.exists(), alive.exists(), old.exists()) == (False, True, True)


def test_a_file_system_without_hard_links_is_named(store, monkeypatch):
    def no_link(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    with pytest.raises(StorageError, match="hard links"):
        store.create("k", b"x")
    assert list(store.list()) == []


def test_a_link_whose_answer_was_lost_counts_as_won(store, monkeypatch):
    original = os.link

    def link_and_lose_the_answer(source: Path, target: Path) -> None:
        original(source, target)
        raise FileExistsError(errno.EEXIST, "File exists")

    monkeypatch.setattr(os, "link", link_and_lose_the_answer)
    store.create("k", b"mine")
    assert store.read("k") == b"mine"
    monkeypatch.undo()
    with pytest.raises(AlreadyExistsError):
        store.create("k", b"yours")


def test_a_failing_disk_is_a_storage_error(store, monkeypatch):
    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StorageError, match="Input/output error"):
        store.write("k", b"x")


def test_a_writer_killed_in_the_middle_leaves_the_old_object(store, tmp_path, monkeypatch):
    store.write("a/k", b"old")
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(os, "fsync", lambda _: os.kill(os.getpid(), signal.SIGKILL))
        store.write("a/k", b"new")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    left = [path.name for path in (tmp_path / "store" / "a").iterdir() if path.name != "k"]
    assert len(left) == 1
    assert left[0].startswith(TEMPORARY)
    assert list(store.list()) == ["a/k"]
    assert store.read("a/k") == b"old"
