"""A thousand workers of one translation against a real S3 server: nothing is lost, nothing is there twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any

import pytest

import gmlm.storage.s3 as s3
import gmlm.translation.work as work
from gmlm.config import SourceConfig, TranslateConfig, TranslatorConfig
from gmlm.errors import StorageError
from gmlm.shards import Document, write_documents
from gmlm.storage import open_store
from gmlm.telemetry import Progress
from gmlm.translation.finished_shards import FinishedShard
from gmlm.translation.merge import merge
from gmlm.translation.shard_translator import ShardTranslator

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CROWDS = (1, 10, 100, 300, 1000)
SECONDS_PER_SHARD = float(os.environ.get("GMLM_SHARD_SECONDS", "20"))
"""What translating a shard takes here; real ones take minutes."""
PATIENCE = "120"
"""Seconds: a thousand workers, their server and other tests may share two cores here, and hearts beat late then."""
PROCESSES = 4
"""A process has as many threads as there are workers for it."""
CONFIG = TranslateConfig.model_validate(
    {
        "translation": {
            "source": "notes",
            "translator": "upper",
            "documents_per_shard": 1,
            "max_flagged_ratio": 1.0,
        },
        "decoding": {"compute_type": "float32"},
    }
)


class DiedError(BaseException):
    """A worker is gone, and gives nothing back."""


class MortalStore:
    """A store that takes nothing more once its worker is dead."""

    def __init__(self, store: Any) -> None:
        self._store, self.dead = store, False

    def __getattr__(self, name: str) -> Any:
        if self.dead:
            raise StorageError("dead", where="here", fix="none")
        return getattr(self._store, name)


@dataclass
class Crowd:
    """Workers in threads of this process, what they finished when, and what they asked the store."""

    seconds: float
    dying: set[int]
    finished: list[tuple[int, float]] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    stores: dict[int, MortalStore] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    source_limit = 50

    def install(self) -> None:
        """Take the place of the model, count requests, and note finished shards."""
        mark, s3.WORKERS = work.mark_finished, 128  # type: ignore[attr-defined]

        def marked(run: Any, number: int, shard: FinishedShard) -> None:
            mark(run, number, shard)
            self.finished.append((number, time.monotonic()))

        work.mark_finished = marked  # type: ignore[attr-defined]
        s3._observe = self._count
        ShardTranslator.engine = self  # type: ignore[assignment,method-assign]

    def lengths(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def translate(self, batch: Sequence[str]) -> list[str]:
        me = threading.get_ident()
        if me in self.stores:
            self.stores[me].dead = True
            raise DiedError
        time.sleep(self.seconds)
        return [text.upper() for text in batch]

    def work(self, run: Any, number: int, first: int) -> None:
        if number in self.dying:
            self.stores[threading.get_ident()] = MortalStore(run.store)
            run = replace(run, store=self.stores[threading.get_ident()])
        try:
            work.Worker(CONFIG, run, Progress()).work(first)
        except DiedError:
            return

    def _count(self, parsed: Any, model: Any, **_: object) -> None:
        with self.lock:
            self.requests[model.name] += 1 + parsed.get("ResponseMetadata", {}).get("RetryAttempts", 0)


def run_crowd(crowd: Crowd, run: Any, firsts: dict[int, int], answer: Connection) -> None:
    """What a process does: all its workers at once."""
    threading.stack_size(512 * 1024)
    crowd.install()
    threads = [threading.Thread(target=crowd.work, args=(run, number, first)) for number, first in firsts.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answer.send((crowd.finished, crowd.requests))


def let_work(run: Any, workers: int, shards: int, dying: set[int]) -> tuple[float, list[tuple[int, float]], Counter]:
    """Let so many workers finish all shards: when they began, what was finished when, and all requests."""
    context = multiprocessing.get_context("fork")
    firsts = {number: number * shards // workers for number in range(workers)}
    begun, processes = time.monotonic(), []
    for place in range(min(PROCESSES, workers)):
        receiver, sender = context.Pipe(duplex=False)
        mine = {number: first for number, first in firsts.items() if number % PROCESSES == place}
        process = context.Process(target=run_crowd, args=(Crowd(SECONDS_PER_SHARD, dying), run, mine, sender))
        process.start()
        sender.close()
        processes.append((process, receiver))
    finished, requests = list[tuple[int, float]](), Counter[str]()
    for process, receiver in processes:
        some, asked = receiver.recv()
        finished += some
        requests += asked
        process.join()
    return begun, sorted(finished, key=lambda each: each[1]), requests


@pytest.fixture
def source(make_run: Any, s3_environment: str) -> Callable[[int], Any]:
    """Make a translation of so many shards of one document each."""

    def made(shards: int) -> Any:
        store = open_store(f"{s3_environment}/with-{shards}")
        ingest = replace(make_run("ingest", "notes"), store=store)
        documents = (Document(f"d{n}", "notes", "en", f"The patient has fever for {n} days.") for n in range(shards))
        files = write_documents(ingest, documents, rows_per_shard=100)
        notes = ingest.publish("documents", SourceConfig(reader="text", path="notes"), files)
        translator = replace(make_run("translator", "upper"), store=store)
        upper = translator.publish("model", TranslatorConfig(model="upper"), [])
        return replace(make_run("translate", "notes_de", inputs={"documents": notes, "translator": upper}), store=store)

    return made


@pytest.mark.timeout(3000)
def test_a_thousand_workers_lose_nothing_and_make_nothing_twice(
    source: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """Shards are half as many again as workers, so that many wait at the end; of a thousand, twenty die at work."""
    monkeypatch.setenv("GMLM_LEASE_SECONDS", PATIENCE)
    crowds = [int(each) for each in os.environ.get("GMLM_CROWDS", ",".join(map(str, CROWDS))).split(",")]
    points = []
    for workers in crowds:
        shards = max(2, workers + workers // 2)
        dying = set(range(7, workers, 50)) if workers == max(crowds) else set[int]()
        run = source(shards)
        begun, finished, requests = let_work(run, workers, shards, dying)
        assert {number for number, _ in finished} == set(range(shards))
        assert merge(CONFIG, run).counters["out"] == shards  # and each document once, in order, which merge checks
        undisturbed = shards - len(dying)
        points.append(
            {
                "workers": workers,
                "shards": shards,
                "died": len(dying),
                "finished_twice": len(finished) - shards,
                "shards_per_second": round(undisturbed / (finished[undisturbed - 1][1] - begun), 3),
                "requests_per_shard": round(requests.total() / shards, 1),
                "seconds": round(finished[-1][1] - begun, 1),
            }
        )
        print(json.dumps(points[-1]), dict(requests))
        assert requests.total() < 100 * shards
        assert len(finished) - shards <= shards // 100
    few, most = points[0], points[-1]
    record_property("plot", json.dumps({"seconds_per_shard": SECONDS_PER_SHARD, "points": points}))
    record_property(
        "figure",
        f"{most['workers']} workers, of which {most['died']} died holding a shard: each of {most['shards']} shards is "
        f"in the result once ({most['finished_twice']} made twice); {most['requests_per_shard']} requests a shard, "
        f"with {few['workers']} worker {few['requests_per_shard']}; {most['shards_per_second']:.1f} shards a second "
        f"where one takes {SECONDS_PER_SHARD:.0f} s",
    )
