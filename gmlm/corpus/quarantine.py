"""Writes the quarantine of a source: bad records and rejected rows of all its files, in the order of the files."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

import pyarrow as pa

from gmlm.corpus.parts import BATCH, Part
from gmlm.corpus.readers import BadRecord
from gmlm.corpus.reading import BAD, quarantine_line
from gmlm.corpus.revisions import KEPT, REASONS, Fates
from gmlm.manifest import FileEntry
from gmlm.stage import StageRun

NAME = "quarantine.jsonl"


def write_quarantine(run: StageRun, files: Iterable[tuple[str, Part, Fates]]) -> list[FileEntry]:
    """Put what was set aside among the outputs, line by line; nothing if there is none."""
    local, lines = run.scratch / NAME, 0
    with local.open("wb") as stream:
        for name, part, fates in files:
            for _, line in heapq.merge(_bad(part), _rejected(name, part, fates)):
                stream.write(line)
                lines += 1
    entries = [run.upload(local, NAME, rows=lines)] if lines else []
    local.unlink()
    return entries


def _bad(part: Part) -> Iterator[tuple[int, bytes]]:
    with (part.folder / BAD).open("rb") as stream:
        yield from zip(part.array("bad_numbers").tolist(), stream, strict=True)


def _rejected(name: str, part: Part, fates: Fates) -> Iterator[tuple[int, bytes]]:
    """The rows that are not kept, each with the number of its record."""
    if (fates == KEPT).all():
        return
    numbers = part.array("numbers")
    with pa.OSFile(str(part.rows)) as file, pa.ipc.open_file(file) as reader:
        for index in range(reader.num_record_batches):
            here = fates[index * BATCH : (index + 1) * BATCH]
            if (here == KEPT).all():
                continue
            rows = reader.get_batch(index).select(["position", "text"]).to_pylist()
            for offset, (fate, row) in enumerate(zip(here.tolist(), rows, strict=True)):
                if fate != KEPT:
                    bad = BadRecord(row["position"], REASONS[fate], row["text"])
                    yield int(numbers[index * BATCH + offset]), quarantine_line(name, bad)
