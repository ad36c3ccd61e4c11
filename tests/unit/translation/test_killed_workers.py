"""Workers of a translation that are killed at any moment: others finish, and the bytes are those of one alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import replace

import pytest

import gmlm.translation.shard_translator as shard_translator
from gmlm.storage import open_store
from gmlm.telemetry import Progress
from gmlm.translation.merge import merge
from gmlm.translation.translate import plan, translate
from gmlm.translation.work import Worker
from tests.unit.translation.test_translation_workers import clear, config, contents


def work_slowly(config, run, uri):
    """What a killed process runs: a real model, as slow as a large one, on a store by its address."""
    opened = shard_translator.open_engine

    def slow(model, decoding):
        engine = opened(model, decoding)
        original = engine.translate
        engine.translate = lambda batch: (time.sleep(0.2), original(batch))[1]
        return engine

    shard_translator.open_engine = slow
    os.environ["GMLM_LEASE_SECONDS"] = "2"
    Worker(config, replace(run, store=open_store(uri)), Progress()).work()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", pytest.param("versitygw", marks=pytest.mark.integration)])
def test_workers_that_are_killed_change_no_byte(run, kind, request, monkeypatch):
    """kill -9 at three different moments, over a folder and over S3; two other processes finish the work."""
    monkeypatch.setenv("GMLM_LEASE_SECONDS", "2")
    translate(config(), run)
    alone = contents(run)
    uri = run.store.uri if kind == "folder" else request.getfixturevalue("s3_environment") + "/runs"
    there = replace(run, store=open_store(uri))
    clear(run)
    if kind == "versitygw":
        for key in run.store.list():
            there.store.write(key, run.store.read(key))
    context = multiprocessing.get_context("spawn")
    plan(config(), there)
    for saved in (1, 3, 6):
        victim = context.Process(target=work_slowly, args=(config(), run, uri))
        victim.start()
        wait_for_batches(there, saved, victim)
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
    others = [context.Process(target=work_slowly, args=(config(), run, uri)) for _ in range(2)]
    for process in others:
        process.start()
    for process in others:
        process.join(120)
        assert process.exitcode == 0
    merge(config(), there)
    assert contents(there) == alone


def wait_for_batches(run, count, process):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.is_alive():
        keys = list(run.store.list(run.key("unfinished")))
        finished = len([key for key in keys if "/shards/" in key])
        if 3 * finished + len([key for key in keys if "/batches/" in key]) >= count:
            return
        time.sleep(0.05)
    pytest.fail("the worker saved too few batches")
