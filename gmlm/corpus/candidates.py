"""Filters a piece of a source: what passes becomes a part of candidates, with all that the corpus decides by."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gmlm.config.corpora import RecipeConfig
from gmlm.corpus.decontamination import TaskNgrams
from gmlm.corpus.filters import Candidate, copies, is_held_out, quality_in, recipe_filters
from gmlm.corpus.normalisation import normalise
from gmlm.corpus.parts import BATCH, Part, PartWriter, finished_or_made
from gmlm.deduplication.minhash import band_hashes, signatures
from gmlm.errors import StorageError
from gmlm.shards import DOCUMENT_SCHEMA
from gmlm.storage.files import sha256_of

DOCUMENTS_AT_ONCE, CHARACTERS_HELD = 1 << 13, 1 << 23
"""Documents whose words are hashed together, and their characters: the more, the better lengths match in a block."""
SAMPLES = "samples.jsonl"
"""File of a part: documents that were dropped, for a person to look at."""


@dataclass(frozen=True)
class InputPiece:
    """Rows of a shard of a source: the local file, its recorded sha256, which of its rows, and their part's folder."""

    source: str
    path: Path
    sha256: str
    rows: range
    folder: Path


@dataclass(frozen=True)
class Selection:
    """How pieces are filtered; `ngrams` are those of the tasks, None without decontamination."""

    recipe: RecipeConfig
    ngrams: TaskNgrams | None


def select_candidates(piece: InputPiece, selection: Selection) -> Part:
    """Filter a piece into a part.

    It has, for each row, the arrays

    - `digests` (rows, 2): the words of the text, hashed;
    - `characters`, `copies` (how often its source's weight repeats it), `held` (whether it is held out);
    - `bands` (16, rows): its MinHash bands, where the recipe asks for near-duplicates;
    - `hits` (any, 2): row and number of each task that it shares an n-gram with,

    and the summary `read`, `dropped` by reason, and `tasks`, the names that `hits` numbers.

    Raises:
        StorageError: The shard is not what was written.
    """
    return finished_or_made(piece.folder, lambda writer: _Filtering(piece, selection, writer).run(), DOCUMENT_SCHEMA)


@dataclass
class _Arrays:
    digests: bytearray = field(default_factory=bytearray)
    characters: array[int] = field(default_factory=lambda: array("q"))
    copies: array[int] = field(default_factory=lambda: array("q"))
    held: array[int] = field(default_factory=lambda: array("b"))
    bands: list[np.ndarray[tuple[int, int], np.dtype[np.uint64]]] = field(default_factory=list)
    hits: array[int] = field(default_factory=lambda: array("q"))


class _Filtering:
    def __init__(self, piece: InputPiece, selection: Selection, writer: PartWriter) -> None:
        self._piece, self._recipe, self._ngrams, self._writer = piece, selection.recipe, selection.ngrams, writer
        self._filters = recipe_filters(selection.recipe)
        self._found, self._read, self._dropped = _Arrays(), 0, Counter[str]()
        self._tasks: dict[str, int] = {}

    def run(self) -> None:
        """Filter the piece to its end."""
        if sha256_of(self._piece.path) != self._piece.sha256:
            fix = "restore it or run the stage again"
            raise StorageError("its sha256 is not the one recorded", where=str(self._piece.path), fix=fix)
        with self._writer.path(SAMPLES).open("wb") as samples:
            self._samples, held = samples, list[str]()
            for batch in _batches(self._piece):
                held += [candidate.text for row in batch.to_pylist() if (candidate := self._passed(row))]
                if len(held) >= DOCUMENTS_AT_ONCE or sum(map(len, held)) >= CHARACTERS_HELD:
                    self._compare(held)
                    held.clear()
            self._compare(held)
        if self._read != len(self._piece.rows):
            what = (
                f"{self._read} of the {len(self._piece.rows)} recorded rows from {self._piece.rows.start} on are there"
            )
            raise StorageError(what, where=str(self._piece.path), fix="run the stage again that made it")
        self._finish()

    def _passed(self, row: dict[str, str]) -> Candidate | None:
        """The candidate, written down, or None where a filter drops it."""
        self._read += 1
        quality, language = quality_in(row["meta"], self._recipe.translation_score), self._recipe.language
        candidate = Candidate(self._piece.source, normalise(row["text"]), quality, language)
        reason = next((each.reason for each in self._filters if each.drops(candidate)), None)
        if reason is not None:
            self._dropped[reason] += 1
            if self._dropped[reason] <= self._recipe.keep_dropped:
                self._samples.write(dropped_line(self._piece.source, row["id"], reason, candidate.text))
            return None
        self._writer.write(row | {"source": self._piece.source, "text": candidate.text})
        self._found.digests += candidate.digest
        self._found.characters.append(len(candidate.text))
        self._found.copies.append(copies(candidate, self._recipe))
        self._found.held.append(is_held_out(candidate, self._recipe.holdout_ratio))
        return candidate

    def _compare(self, texts: Sequence[str]) -> None:
        """Hash the words of the rows written last but not compared yet, all at once."""
        if self._recipe.deduplicate == "near":
            self._found.bands.append(band_hashes(signatures(texts)))
        if self._ngrams is not None:
            for row, tasks in enumerate(self._ngrams.tasks_in(texts), start=self._compared):
                for task in tasks:
                    self._found.hits.extend((row, self._tasks.setdefault(task, len(self._tasks))))
        self._compared += len(texts)

    _compared = 0

    def _finish(self) -> None:
        found = self._found
        bands = np.concatenate(found.bands, axis=1) if found.bands else np.empty((0, 0), np.uint64)
        self._writer.finish(
            {"read": self._read, "dropped": self._dropped, "tasks": list(self._tasks)},
            digests=np.frombuffer(bytes(found.digests), np.uint64).reshape(-1, 2),
            characters=np.array(found.characters, np.int64),
            copies=np.array(found.copies, np.int64),
            held=np.array(found.held, bool),
            bands=bands,
            hits=np.array(found.hits, np.int64).reshape(-1, 2),
        )


def _batches(piece: InputPiece) -> Iterator[pa.RecordBatch]:
    """The rows of a piece; those before it are decoded, and not looked at."""
    start = 0
    with pq.ParquetFile(piece.path) as file:
        for batch in file.iter_batches(BATCH, use_threads=False):
            stop = start + batch.num_rows
            if piece.rows.start < stop:
                first = max(piece.rows.start - start, 0)
                yield batch.slice(first, piece.rows.stop - start - first)
            if stop >= piece.rows.stop:
                return
            start = stop


def dropped_line(source: str, identity: str, reason: str, text: str) -> bytes:
    """A dropped document as one line of the corpus's `quarantine.jsonl`."""
    line = {"file": source, "position": identity, "reason": reason, "record": text}
    return json.dumps(line, ensure_ascii=False, sort_keys=True).encode() + b"\n"
