"""A tiny translator, trained once for all tests of the room, and its place in a store."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from gmlm.config import OptimisationConfig, SourceConfig, TranslatorConfig, TranslatorTraining
from gmlm.manifest import Manifest
from gmlm.shards import Document, write_documents
from gmlm.stage import StageRun
from gmlm.translation.engines import TranslationModel
from gmlm.translation.marian import train_marian
from gmlm.translation.parallel import Pair

SUBJECTS = {"The patient": "Der Patient", "The woman": "Die Frau", "The child": "Das Kind"}
VERBS = {"has": "hat", "denies": "verneint", "reports": "berichtet"}
OBJECTS = {"fever": "Fieber", "pain": "Schmerzen", "cough": "Husten", "nausea": "Übelkeit"}
PAIRS = [
    Pair(f"{s} {v} {o} for {days} days.", f"{SUBJECTS[s]} {VERBS[v]} seit {days} Tagen {OBJECTS[o]}.")
    for s, v, o, days in product(SUBJECTS, VERBS, OBJECTS, (2, 3, 5))
]

TINY = TranslatorTraining(
    parallel="pairs.jsonl",
    vocab_size=110,
    hidden_size=64,
    layers=1,
    heads=2,
    feed_forward_size=64,
    steps=100,
    batch_tokens=512,
    optimisation=OptimisationConfig(learning_rate=5e-3, warmup_ratio=0.1),
)

DOCUMENTS = [
    Document(f"d{n}", "notes", "en", f"The patient has fever for {n % 7 + 2} days.\nThe woman denies pain.")
    for n in range(12)
]


@pytest.fixture(autouse=True)
def _cache_in_tmp(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def pairs() -> list[Pair]:
    """What the tiny translator is trained on."""
    return PAIRS


@pytest.fixture(scope="session")
def training() -> TranslatorTraining:
    """How it is trained."""
    return TINY


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scratch = tmp_path_factory.mktemp("translator")
    return train_marian(PAIRS, TINY, scratch=scratch, seed=13, fingerprint="tiny").folder


@pytest.fixture
def tiny_model(tiny_folder: Path) -> TranslationModel:
    return TranslationModel(tiny_folder, "tiny-translator")


@pytest.fixture
def tiny_translator(make_run: Callable[..., StageRun], tiny_folder: Path) -> Manifest:
    """The tiny translator as a finished output of the stage `translator`."""
    run = make_run("translator", "tiny")
    shutil.copytree(tiny_folder, run.scratch / "model", dirs_exist_ok=True)
    return run.publish("model", TranslatorConfig(train=TINY), run.upload_folder(run.scratch / "model", "model"))


@pytest.fixture
def run(make_run: Callable[..., StageRun], tiny_translator: Manifest) -> StageRun:
    """A translation of `DOCUMENTS` to make, and its inputs."""
    ingest = make_run("ingest", "notes")
    files = write_documents(ingest, iter(DOCUMENTS), rows_per_shard=5)
    source = ingest.publish("documents", SourceConfig(reader="text", path="notes"), files)
    return make_run("translate", "notes_de", inputs={"documents": source, "translator": tiny_translator})
