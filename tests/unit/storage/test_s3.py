"""What S3 adds to the promises of every store: checksums, lost answers, broken connections, parts."""

from __future__ import annotations

import errno
import hashlib
import io
import os

import pytest
from botocore import exceptions as botocore_exceptions

from gmlm.errors import AccessDeniedError, AlreadyExistsError, DiskFullError, StorageError
from gmlm.storage import probe_conditional_writes
from gmlm.storage.s3 import CONFLICT_ATTEMPTS, PART, S3Store


@pytest.fixture
def store(moto_uri) -> S3Store:
    return S3Store.from_uri(f"{moto_uri}/runs")


def test_a_write_sends_its_sha256_to_be_checked_and_kept(store, requests):
    store.write("k", b"abc")
    assert requests.headers[0]["x-amz-checksum-sha256"] == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
    assert requests.headers[0]["x-amz-meta-sha256"] == hashlib.sha256(b"abc").hexdigest()


def test_an_object_of_another_tool_is_read_without_a_recorded_sha256(store, tmp_path):
    store._client.put_object(Bucket=store._bucket, Key="runs/k", Body=b"from elsewhere")
    assert store.read("k") == b"from elsewhere"
    store.download("k", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"from elsewhere"


# Lost answers and broken connections


def test_a_server_in_trouble_is_asked_again(store, requests, monkeypatch):
    store.write("k", b"x")
    monkeypatch.setattr("time.sleep", lambda _: None)
    left = [requests.answer(503, "SlowDown")]
    requests.before = lambda request: left.pop() if left else None
    assert store.read("k") == b"x"


def test_a_create_whose_answer_was_lost_counts_as_won(store, requests):
    lost = []

    def lose_the_first(request, response):
        if request.method == "PUT" and not lost:
            lost.append(request)
            raise botocore_exceptions.ReadTimeoutError(endpoint_url=request.url)
        return response

    requests.after = lose_the_first
    store.create("lease", b"mine")
    assert requests.methods == ["PUT", "PUT", "HEAD"]
    with pytest.raises(AlreadyExistsError):
        store.create("lease", b"mine")


def test_crossing_writes_are_asked_again_until_the_store_decides(store, requests, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    conflicts = [requests.answer(409, "ConditionalRequestConflict") for _ in range(3)]
    requests.before = lambda request: conflicts.pop() if conflicts else None
    store.create("lease", b"mine")
    assert requests.methods == ["PUT"] * 4


def test_crossing_writes_end_some_time(store, requests, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    requests.before = lambda request: requests.answer(409, "ConditionalRequestConflict")
    with pytest.raises(StorageError, match="ConditionalRequestConflict"):
        store.create("lease", b"mine")
    assert len(requests.urls) == CONFLICT_ATTEMPTS


class Broken(io.BytesIO):
    """A body that ends in the middle."""

    def read(self, *_: object, **__: object) -> bytes:
        raise botocore_exceptions.ResponseStreamingError(error="reset")


def break_bodies(store, monkeypatch, times: int) -> None:
    original, left = store._client.get_object, [times]

    def get_object(**arguments):
        response = original(**arguments)
        if left[0]:
            left[0] -= 1
            response["Body"] = Broken()
        return response

    monkeypatch.setattr(store._client, "get_object", get_object)


def test_a_body_that_breaks_off_is_fetched_again(store, monkeypatch):
    store.write("k", b"whole")
    break_bodies(store, monkeypatch, times=2)
    assert store.read("k") == b"whole"


def test_a_body_that_always_breaks_off_is_told(store, monkeypatch):
    store.write("k", b"whole")
    break_bodies(store, monkeypatch, times=99)
    with pytest.raises(StorageError, match="does not answer"):
        store.read("k")


# Large objects


def test_a_large_file_travels_in_parts(store, requests, tmp_path):
    (tmp_path / "large").write_bytes(bytes(2 * PART + 1))
    store.upload(tmp_path / "large", "k")
    assert sum("partNumber=" in url for url in requests.urls) == 3
    requests.methods.clear()
    store.download("k", tmp_path / "back")
    assert requests.methods.count("GET") == 3


def test_parts_are_discarded_when_one_fails(store, requests, tmp_path):
    (tmp_path / "large").write_bytes(bytes(PART + 1))
    requests.before = lambda request: requests.answer(403, "AccessDenied") if "partNumber=2" in request.url else None
    with pytest.raises(AccessDeniedError, match=r"s3://gmlm-.*/runs/k: access denied"):
        store.upload(tmp_path / "large", "k")
    uploads = store._client.list_multipart_uploads(Bucket=store._bucket)
    assert "Uploads" not in uploads
    assert not store.exists("k")


def test_a_download_to_a_full_disk_leaves_the_old_file(store, tmp_path, monkeypatch):
    store.write("k", b"new")
    (tmp_path / "target").write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="target"):
        store.download("k", tmp_path / "target")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("target", b"old")]


def test_folder_markers_of_other_tools_are_not_listed(store):
    store._client.put_object(Bucket=store._bucket, Key="runs/a/", Body=b"")
    store.write("a/k", b"")
    assert list(store.list()) == list(store.list("a")) == ["a/k"]


# Conditional writes


def test_a_store_that_ignores_conditions_is_refused(store, requests):
    def drop_the_condition(**arguments):
        arguments.pop("IfNoneMatch")
        return original(**arguments)

    original = store._client.put_object
    store._client.put_object = drop_the_condition
    with pytest.raises(StorageError, match=r"ignores conditional writes(.|\n)*If-None-Match"):
        probe_conditional_writes(store)
    assert list(store.list()) == []


def test_a_store_that_does_not_know_conditions_is_refused(store, requests):
    requests.before = lambda request: requests.answer(501, "NotImplemented") if request.method == "PUT" else None
    with pytest.raises(StorageError, match="NotImplemented"):
        probe_conditional_writes(store)
