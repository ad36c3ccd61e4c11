"""Writes the world into a folder: sources, parallel text, general German, tasks and the study that uses them."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from gmlm.demo.documents import ABSTRACT, NOTE_TYPES, Document, render, write_document
from gmlm.demo.general import general_texts
from gmlm.demo.mimic import noteevents_csv
from gmlm.demo.parallel import reference, training_pairs, truth
from gmlm.demo.pubmed import pubmed_xml
from gmlm.demo.tasks import code_records, entity_records, question_set
from gmlm.demo.world import World
from gmlm.errors import ConfigError


@dataclass(frozen=True)
class Size:
    """How much is written; counts of documents unless said otherwise."""

    abstracts: int
    notes: int
    clinical_notes: int
    pairs: int
    reference_pairs: int
    general_characters: int
    entity_notes: tuple[int, int, int]
    code_notes: tuple[int, int, int]
    question_contexts: tuple[int, int, int]


SIZES = {
    "tiny": Size(12, 10, 10, 1_700, 40, 20_000, (16, 8, 16), (16, 8, 16), (8, 4, 8)),
    "small": Size(1_200, 900, 900, 12_000, 500, 1_000_000, (140, 30, 150), (350, 50, 250), (220, 20, 90)),
}
"""`tiny` for tests, `small` for the quickstart."""
_ABSTRACTS_PER_FILE = 400
_SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class WorldSummary:
    """What was written: paths relative to the folder with their sizes in bytes, and counts of records."""

    folder: Path
    files: dict[str, int]
    records: dict[str, int]


def generate_world(folder: Path, *, seed: int = 13, size: str = "small") -> WorldSummary:
    """Write the world of a seed into a folder, each file atomically; equal seeds give equal bytes.

    Args:
        folder: Where to write; it is created, and files of the same names are replaced.
        seed: Decides every choice.
        size: A key of `SIZES`.

    Raises:
        ConfigError: The size is unknown.
    """
    if size not in SIZES:
        raise ConfigError(f"unknown size {size!r}", where="size", fix=f"choose one of {', '.join(SIZES)}")
    writer = _Writer(folder, seed, SIZES[size])
    writer.write_documents()
    writer.write_german()
    writer.write_tasks()
    for name in ("README.md", "study.yaml", "control.yaml", "pretrainings.yaml"):
        writer.put(name, files("gmlm.demo").joinpath("package", name).read_bytes())
    return WorldSummary(folder, writer.files, writer.records)


class _Writer:
    """Writes the parts, each from a random stream of its own, so that sizes do not disturb one another."""

    def __init__(self, folder: Path, seed: int, size: Size) -> None:
        self._folder, self._seed, self._size = folder, seed, size
        self.files: dict[str, int] = {}
        self.records: dict[str, int] = {}

    def put(self, name: str, data: bytes, records: int | None = None) -> None:
        """Write a file under a temporary name and rename it."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(data)
        os.replace(partial, path)
        self.files[name] = len(data)
        if records is not None:
            self.records[name] = records

    def write_documents(self) -> None:
        """The English documents, their true German, and the translator's pairs."""
        size, choose = self._size, self._random("documents")
        world = World(choose, "corpus")
        abstracts = [write_document(world.patient(), "Abstract", ABSTRACT) for _ in range(size.abstracts)]
        notes = _notes(world, size.notes, with_placeholders=True)
        for part, first in enumerate(range(0, len(abstracts), _ABSTRACTS_PER_FILE), start=1):
            batch = abstracts[first : first + _ABSTRACTS_PER_FILE]
            self.put(f"pubmed/world{part:04d}.xml.gz", pubmed_xml(batch, first=first, choose=choose), len(batch))
        self.put("mimic/NOTEEVENTS.csv", noteevents_csv(notes, choose), len(notes))
        documents = [(f"pubmed-{n}", d) for n, d in enumerate(abstracts)] + [
            (f"mimic-{n}", d) for n, d in enumerate(notes)
        ]
        self._put_lines("parallel/truth.jsonl.gz", truth(documents))
        self._put_lines("parallel/test.jsonl", reference((d for _, d in documents), choose, size.reference_pairs))
        self._put_lines("parallel/train.jsonl.gz", training_pairs(self._random("parallel"), size.pairs))

    def write_german(self) -> None:
        """General German and German clinical notes."""
        for name, text in general_texts(self._random("general"), self._size.general_characters):
            self.put(f"general/{name}.txt", text.encode(), 1)
        notes = _notes(World(self._random("clinical"), "corpus"), self._size.clinical_notes, with_placeholders=False)
        records = [{"id": f"note-{n:05d}", "text": render(note, "de")[0]} for n, note in enumerate(notes)]
        self._put_lines("clinical_de/notes.jsonl", records)

    def write_tasks(self) -> None:
        """The splits of the three tasks."""
        size = self._size
        for index, split in enumerate(_SPLITS):
            entities = entity_records(split, self._random(f"ner {split}"), size.entity_notes[index])
            self._put_lines(f"tasks/ner.{split}.jsonl", entities)
            codes = code_records(split, self._random(f"codes {split}"), size.code_notes[index])
            self._put_lines(f"tasks/codes.{split}.jsonl", codes)
            questions = question_set(split, self._random(f"qa {split}"), size.question_contexts[index])
            asked = sum(len(paragraph["qas"]) for entry in questions["data"] for paragraph in entry["paragraphs"])
            self.put(f"tasks/qa.{split}.json", _json(questions, indent=1), asked)

    def _random(self, part: str) -> random.Random:
        return random.Random(f"{self._seed} {part}")

    def _put_lines(self, name: str, rows: Iterable[Any]) -> None:
        lines = [_json(row) for row in rows]
        data = b"".join(lines)
        self.put(name, gzip.compress(data, mtime=0) if name.endswith(".gz") else data, len(lines))


def _json(value: Any, indent: int | None = None) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=indent).encode() + b"\n"


def _notes(world: World, count: int, *, with_placeholders: bool) -> list[Document]:
    """Clinical notes of all types in turn; placeholders of de-identification stand in a first section."""
    types = list(NOTE_TYPES.items())
    notes = []
    for number in range(count):
        type_, plan = types[number % len(types)]
        plan = ((("deid", 2),) if with_placeholders else ()) + plan
        notes.append(write_document(world.patient(), type_, plan))
    return notes
