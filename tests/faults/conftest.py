"""A whole study in seconds, and processes that are killed at a chosen point of their work."""

from __future__ import annotations

import builtins
import hashlib
import json
import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from gmlm.manifest import MANIFEST_NAME, read_file, read_manifest
from gmlm.storage import Store, local
from gmlm.storage.files import write_through
from gmlm.study import commands
from gmlm.study.registry import STAGES, load_stage
from gmlm.study.selection import Selection

CHECKPOINT_EVERY = 2
STEPS = 6
OPTIMISATION = {"checkpoint_every": CHECKPOINT_EVERY, "log_every": 1, "learning_rate": 1e-3}
ENCODER = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
PHASE = {"corpus": "notes", "sequence_length": 32, "batch_tokens": 64, "optimisation": OPTIMISATION}
STUDY = {
    "name": "small",
    "store": "store",
    "sources": {"notes": {"reader": "jsonl", "path": "notes.jsonl", "language": "de"}},
    "recipes": {
        "notes": {"sources": {"notes": {}}, "min_characters": 1, "holdout_ratio": 0.2, "identify_language": False}
    },
    "tokenizers": {"pieces": {"train": {"corpus": "notes", "vocab_size": 400}}},
    "models": {
        "base": {
            "architecture": {"tokenizer": "pieces", "settings": ENCODER},
            "phases": [{**PHASE, "steps": STEPS}],
        },
        "other": {"base": "base", "phases": [{**PHASE, "steps": 2}]},
    },
    "tasks": {
        "drugs": {
            "kind": "token_classification",
            "reader": "spans_jsonl",
            "path": "spans.jsonl",
            "finetuning": {"epochs": 1, "optimisation": OPTIMISATION},
        }
    },
    "evaluation": {"models": ["other"], "baseline": "base", "seeds": [1], "resamples": 100},
}


def write_study(folder: Path, **changes: object) -> Path:
    """The study with its inputs in a folder; `changes` replace rows of it."""
    words = ["Husten", "Fieber", "Übelkeit", "Größe", "Blutdruck", "Schmerz", "Befund", "unauffällig", "Therapie"]
    notes = [{"text": " ".join(words[(i * k) % 9] for k in range(1, 8)) + f" am Tag {i}."} for i in range(40)]
    spans = [
        {"id": f"d{i}", "text": f"Ibuprofen {i} mg bei Fieber", "spans": [{"start": 0, "end": 9, "label": "DRUG"}]}
        for i in range(20)
    ]
    for name, rows in (("notes.jsonl", notes), ("spans.jsonl", spans)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "study.yaml").write_text(yaml.safe_dump({**STUDY, **changes}, sort_keys=False), encoding="utf-8")
    return folder / "study.yaml"


def run_study(study: Path, store: str) -> None:
    """Run a study in this process; an error of any part ends it."""
    _, outcome = commands.run(study, Selection(), store=store, observer=lambda node, outcome: None)
    for error in outcome.failures.values():
        raise error


def contents(store: Store) -> dict[str, str]:
    """The sha256 of everything that stages published, by key."""
    return {key: hashlib.sha256(store.read(key)).hexdigest() for stage in STAGES for key in store.list(stage)}


def check_published(store: Store) -> int:
    """Read all that a manifest says is there; the number of finished data sets."""
    finished = [key for stage in STAGES for key in store.list(stage) if key.endswith(f"/{MANIFEST_NAME}")]
    for key in finished:
        manifest = read_manifest(store, key.removesuffix(f"/{MANIFEST_NAME}"))
        for entry in manifest.files:
            read_file(store, manifest, entry.path)
    return len(finished)


class Shared:
    """Two counters that a forked process writes and that outlive it: points passed, and optimiser steps done."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 16)

    def __getitem__(self, place: int) -> int:
        value: int = struct.unpack_from("q", self._memory, 8 * place)[0]
        return value

    def add(self, place: int) -> int:
        struct.pack_into("q", self._memory, 8 * place, self[place] + 1)
        return self[place]


POINTS, TRAINED = 0, 1
EVENTS = {"os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}
"""Audit events that are points, beside opening for writing."""


@dataclass
class Killer:
    """Kills its process at a point of its file work: before it, or in the middle of a write."""

    folder: str
    at: int | None
    shared: Shared = field(default_factory=Shared)
    kinds: Path | None = None

    def install(self) -> None:
        """Hook every opening for writing, fsync, rename, link and removal below the folder, and every write."""
        fsync = os.fsync
        sys.addaudithook(self._audit)
        os.fsync = lambda descriptor: (self.point("fsync"), fsync(descriptor))[1]
        local.write_through = self._write_through
        count_steps(self.shared)

    def point(self, kind: str) -> bool:
        """Pass a point; dies there if it is the chosen one."""
        number = self.shared.add(POINTS)
        if self.kinds is not None:
            with builtins.open(self.kinds, "a") as file:
                file.write(f"{kind}\n")
        if number == self.at and kind != "write":
            os.kill(os.getpid(), signal.SIGKILL)
        return number == self.at

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, mode = str(arguments[0]), str(arguments[1])
            if path.startswith(self.folder) and ("w" in mode or "a" in mode or "x" in mode):
                self.point("open")
        elif event in EVENTS and str(arguments[0]).startswith(self.folder):
            self.point(event.removeprefix("os."))

    def _write_through(self, path: Path, data: bytes) -> None:
        if self.point("write"):
            path.write_bytes(data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        write_through(path, data)


def count_steps(shared: Shared) -> None:
    """Count the optimiser steps of this process."""
    from gmlm.training.torch_engine import TorchEngine

    step = TorchEngine.step

    def counted(engine: TorchEngine, rate: float) -> float | None:
        shared.add(TRAINED)
        return step(engine, rate)

    TorchEngine.step = counted  # type: ignore[method-assign]


def forked(work: Callable[[], None], *, kill_after: float | None = None) -> int:
    """Run work in a forked process, which may be killed after some seconds; 0, -SIGNAL, or the exit code of an error.

    The parent has imported everything, so a trial costs its work alone; it must never have run any of it itself.
    """
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            work()
            code = 0
        except BaseException as error:
            code = getattr(error, "exit_code", 70)
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@pytest.fixture(scope="session")
def imported() -> None:
    """Everything that a study imports, so that forked processes need not."""
    import torch

    os.environ.setdefault("DS_ACCELERATOR", "cpu")
    torch.set_num_threads(1)
    for stage in STAGES:
        load_stage(stage)


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def faults() -> object:
    """This module, for tests that cannot import it by name."""
    return sys.modules[__name__]
