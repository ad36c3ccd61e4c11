"""Filters one shard of a source: what passes becomes a part of candidates, with all that the corpus decides by."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
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
class InputShard:
    """A shard of a source: the local file, its recorded sha256, and the folder of its part."""

    source: str
    path: Path
    sha256: str
    folder: Path


@dataclass(frozen=True)
class Selection:
    """How shards are filtered; `ngrams` are those of the tasks, None without decontamination."""

    recipe: RecipeConfig
    ngrams: TaskNgrams | None


def select_candidates(shard: InputShard, selection: Selection) -> Part:
    """Filter a shard into a part.

    It has, for each row, the arrays

    - `digests` (rows, 2): the words of the text, hashed;
    - `characters`, `copies` (how often its source's weight repeats it), `held` (whether it is held out);
    - `bands` (16, rows): its MinHash bands, where the recipe asks for near-duplicates;
    - `hits` (any, 2): row and number of each task that it shares an n-gram with,

    and the summary `read`, `dropped` by reason, and `tasks`, the names that `hits` numbers.

    Raises:
        StorageError: The shard is not what was written.
    """
    return finished_or_made(shard.folder, lambda writer: _Filtering(shard, selection, writer).run(), DOCUMENT_SCHEMA)


@dataclass
class _Arrays:
    digests: bytearray = field(default_factory=bytearray)
    characters: array[int] = field(default_factory=lambda: array("q"))
    copies: array[int] = field(default_factory=lambda: array("q"))
    held: array[int] = field(default_factory=lambda: array("b"))
    bands: list[np.ndarray[tuple[int, int], np.dtype[np.uint64]]] = field(default_factory=list)
    hits: array[int] = field(default_factory=lambda: array("q"))


class _Filtering:
    def __init__(self, shard: InputShard, selection: Selection, writer: PartWriter) -> None:
        self._shard, self._recipe, self._ngrams, self._writer = shard, selection.recipe, selection.ngrams, writer
        self._filters = recipe_filters(selection.recipe)
        self._found, self._read, self._dropped = _Arrays(), 0, Counter[str]()
        self._tasks: dict[str, int] = {}

    def run(self) -> None:
        """Filter the shard to its end."""
        if sha256_of(self._shard.path) != self._shard.sha256:
            fix = "restore it or run the stage again"
            raise StorageError("its sha256 is not the one recorded", where=str(self._shard.path), fix=fix)
        with self._writer.path(SAMPLES).open("wb") as samples, pq.ParquetFile(self._shard.path) as file:
            self._samples, held = samples, list[str]()
            for batch in file.iter_batches(BATCH, use_threads=False):
                held += [candidate.text for row in batch.to_pylist() if (candidate := self._passed(row))]
                if len(held) >= DOCUMENTS_AT_ONCE or sum(map(len, held)) >= CHARACTERS_HELD:
                    self._compare(held)
                    held.clear()
            self._compare(held)
        self._finish()

    def _passed(self, row: dict[str, str]) -> Candidate | None:
        """The candidate, written down, or None where a filter drops it."""
        self._read += 1
        quality, language = quality_in(row["meta"], self._recipe.translation_score), self._recipe.language
        candidate = Candidate(self._shard.source, normalise(row["text"]), quality, language)
        reason = next((each.reason for each in self._filters if each.drops(candidate)), None)
        if reason is not None:
            self._dropped[reason] += 1
            if self._dropped[reason] <= self._recipe.keep_dropped:
                self._samples.write(dropped_line(self._shard.source, row["id"], reason, candidate.text))
            return None
        self._writer.write(row | {"source": self._shard.source, "text": candidate.text})
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


def dropped_line(source: str, identity: str, reason: str, text: str) -> bytes:
    """A dropped document as one line of the corpus's `quarantine.jsonl`."""
    line = {"file": source, "position": identity, "reason": reason, "record": text}
    return json.dumps(line, ensure_ascii=False, sort_keys=True).encode() + b"\n"
