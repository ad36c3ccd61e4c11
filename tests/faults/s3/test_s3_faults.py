"""Through an S3 service that fails, is slow, loses connections and cuts bodies off: right bytes or a clear error."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gmlm.errors import StorageError
from gmlm.storage import open_store
from gmlm.storage.s3 import BODY_ATTEMPTS, PART, S3Store
from gmlm.storage.s3_uploads import unfinished_uploads

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FAULTS = ("500", "503", "slow", "reset", "lost", "cut", "short")
BODIES = ("cut", "short")
"""Faults of answers with a body: only a read can suffer them."""


def once(fault: str, method: str) -> Callable[[Any], str | None]:
    left = [fault]
    return lambda request: left.pop() if left and request.method == method else None


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_not_seen(proxy, faulty_uri, fault, tmp_path):
    store = open_store(f"{faulty_uri}/runs")
    content = os.urandom(200_000)
    (tmp_path / "file").write_bytes(content)
    writing = None if fault in BODIES else "PUT"
    if writing:
        proxy.plan = once(fault, writing)
    store.write("k", content)
    if writing:
        proxy.plan = once(fault, writing)
    store.create("new", content)
    if writing:
        proxy.plan = once(fault, writing)
    store.upload(tmp_path / "file", "up")
    proxy.plan = once(fault, "GET")
    assert store.read("k") == store.read("new") == content
    proxy.plan = once(fault, "GET")
    store.download("up", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content
    assert proxy.injected[fault] == (5 if writing else 2)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "slow"])
def test_a_fault_that_stays_is_a_clear_error_after_bounded_attempts(
    proxy, faulty_uri, fault, tmp_path, monkeypatch, record_property
):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    store = open_store(f"{faulty_uri}/runs")
    store.write("k", b"content" * 1000)
    (tmp_path / "back").write_bytes(b"old")
    proxy.plan = lambda request: fault if request.method == "GET" else None
    before, started = proxy.requests, time.monotonic()
    for attempt in (lambda: store.read("k"), lambda: store.download("k", tmp_path / "back")):
        with pytest.raises(StorageError) as caught:
            attempt()
        assert caught.value.where == f"{faulty_uri}/runs/k"
        assert caught.value.fix
    assert (tmp_path / "back").read_bytes() == b"old"
    assert proxy.requests - before <= 2 * 3 * BODY_ATTEMPTS + BODY_ATTEMPTS
    assert time.monotonic() - started < 60
    proxy.plan = lambda request: None
    assert store.read("k") == b"content" * 1000


def test_a_study_through_a_faulty_service_has_the_bytes_of_a_sound_one(
    proxy, faulty_uri, faults, tmp_path, monkeypatch, record_property
):
    """Of all requests three in ten fail, each in one of seven ways."""
    parts = {"models": {}, "tasks": {}, "evaluation": None}
    study = faults.write_study(tmp_path, **parts)
    monkeypatch.setenv("GMLM_PROGRESS", "0")
    monkeypatch.setenv("GMLM_SCRATCH", str(tmp_path / "scratch"))
    faults.run_study(study, str(tmp_path / "sound"))
    draw = random.Random(3)

    def plan(request: Any) -> str | None:
        if draw.random() >= 0.3:
            return None
        return draw.choice(FAULTS if request.method == "GET" and "?" not in request.path else FAULTS[:5])

    proxy.plan = plan
    for number in range(3):
        faults.run_study(study, f"{faulty_uri}/study-{number}")
    proxy.plan = lambda request: None
    expected = faults.contents(open_store(str(tmp_path / "sound")))
    for number in range(3):
        assert faults.contents(open_store(f"{faulty_uri}/study-{number}")) == expected
    assert sum(proxy.injected.values()) > 10
    kinds = ", ".join(f"{count} {fault}" for fault, count in sorted(proxy.injected.items()))
    record_property(
        "figure", f"{proxy.requests} requests, of which spoilt: {kinds}; 3 studies with all {len(expected)} files equal"
    )


def test_an_upload_killed_between_parts_is_not_seen_and_its_parts_are_discarded(
    proxy, faulty_uri, tmp_path: Path, monkeypatch, record_property
):
    (tmp_path / "large").write_bytes(os.urandom(3 * PART))
    proxy.plan = lambda request: "slow" if request.method == "PUT" else None
    child = os.fork()
    if child == 0:
        open_store(f"{faulty_uri}/runs").upload(tmp_path / "large", "model")
        os._exit(0)
    store = S3Store.from_uri(f"{faulty_uri}/runs")
    bucket = faulty_uri.removeprefix("s3://")
    deadline = time.monotonic() + 60
    while not (left := unfinished_uploads(store._client, bucket, "runs/")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert [upload.key for upload in left] == ["runs/model"]
    proxy.plan = lambda request: None
    assert not store.exists("model")
    assert list(store.list()) == []
    store.upload(tmp_path / "large", "model")  # a young upload may be another worker's: it stays
    assert len(unfinished_uploads(store._client, bucket, "runs/")) == 1
    monkeypatch.setattr("gmlm.storage.s3_uploads.ABANDONED_AFTER", 0.0)
    later = S3Store.from_uri(f"{faulty_uri}/runs")
    later.upload(tmp_path / "large", "model")
    assert unfinished_uploads(store._client, bucket, "runs/") == []
    later.download("model", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "large").read_bytes()
    record_property("figure", "1 upload of 48 MiB left by kill -9, listed, not visible as an object, discarded")
