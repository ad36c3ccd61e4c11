"""Publishes the chosen rows of parts as numbered Parquet shards, encoded in parallel processes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from gmlm.corpus.parts import BATCH, Part
from gmlm.corpus.workers import results_in_order
from gmlm.manifest import FileEntry
from gmlm.shards import DOCUMENT_SCHEMA, DOCUMENTS
from gmlm.stage import StageRun

PARQUET_BATCH = 1024
"""Rows that Parquet encodes at once by default; between them it decides where pages end."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Chosen:
    """Rows of a part in the order in which they are published.

    Attributes:
        part: Where they lie.
        rows: Their numbers in the part, not falling; a row that is repeated stands there several times.
    """

    part: Part
    rows: Numbers


@dataclass(frozen=True)
class _Piece:
    """A stretch of a part's chosen rows within one shard; `copies` numbers the repetitions of a row from 1."""

    path: Path
    rows: Numbers
    copies: Numbers


@dataclass(frozen=True)
class _Shard:
    number: int
    pieces: tuple[_Piece, ...]
    rows: int


def publish_rows(
    run: StageRun, chosen: Sequence[Chosen], *, folder: str = DOCUMENTS, rows_per_shard: int = 50_000
) -> list[FileEntry]:
    """Publish rows as documents in shards of `rows_per_shard`; the id of a repeated row ends in `#copyN`."""
    encoded = run.scratch / "encoded" / folder
    encoded.mkdir(parents=True, exist_ok=True)
    entries: list[FileEntry] = []
    shards = _shards(chosen, rows_per_shard)
    for number, (local, rows) in enumerate(results_in_order(partial(_encode, folder=encoded), shards)):
        entries.append(run.upload(local, f"{folder}/{number:05d}.parquet", rows=rows))
        local.unlink()
    shutil.rmtree(encoded.parent)
    return entries


def chosen_rows(chosen: Sequence[Chosen]) -> Iterator[dict[str, str]]:
    """The rows that `publish_rows` publishes, one by one, for what has to look at their texts in order."""
    for shard in _shards(chosen, BATCH):
        for piece in shard.pieces:
            for batch in _batches(piece):
                yield from batch.to_pylist()


def _shards(chosen: Sequence[Chosen], size: int) -> Iterator[_Shard]:
    pieces, held, number = list[_Piece](), 0, 0
    for each in chosen:
        rows, copies = each.rows, _copy_numbers(each.rows)
        while rows.size:
            taken = min(size - held, rows.size)
            pieces.append(_Piece(each.part.rows, rows[:taken], copies[:taken]))
            rows, copies, held = rows[taken:], copies[taken:], held + taken
            if held == size:
                yield _Shard(number, tuple(pieces), held)
                pieces, held, number = [], 0, number + 1
    if held:
        yield _Shard(number, tuple(pieces), held)


def _copy_numbers(rows: Numbers) -> Numbers:
    """1 for the first of a run of equal numbers, 2 for the next, and so on."""
    positions = np.arange(len(rows))
    first = np.concatenate([[True], rows[1:] != rows[:-1]]) if rows.size else np.empty(0, bool)
    return positions - np.maximum.accumulate(np.where(first, positions, 0)) + 1


def _encode(shard: _Shard, folder: Path) -> tuple[Path, int]:
    local = folder / f"{shard.number}.parquet"
    batches = (batch for piece in shard.pieces for batch in _batches(piece))
    table = pa.Table.from_batches(_of_equal_size(batches), schema=DOCUMENT_SCHEMA)
    pq.write_table(table, local, compression="zstd")
    return local, shard.rows


def _of_equal_size(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows in batches of what Parquet writes at once: so the bytes do not depend on how parts divided the rows."""
    held, rows = list[pa.RecordBatch](), 0
    for batch in batches:
        held, rows = [*held, batch], rows + batch.num_rows
        while rows >= PARQUET_BATCH:
            whole = pa.concat_batches(held)
            yield pa.concat_batches([whole.slice(0, PARQUET_BATCH)])
            held, rows = [whole.slice(PARQUET_BATCH)], rows - PARQUET_BATCH
    if rows:
        yield pa.concat_batches(held)


def _batches(piece: _Piece) -> Iterator[pa.RecordBatch]:
    with pa.OSFile(str(piece.path)) as file, pa.ipc.open_file(file) as reader:
        numbers = piece.rows // BATCH
        for number in np.unique(numbers):
            here = numbers == number
            batch = reader.get_batch(int(number)).select(DOCUMENT_SCHEMA.names)
            yield _with_copy_ids(batch.take(pa.array(piece.rows[here] - number * BATCH)), piece.copies[here])


def _with_copy_ids(batch: pa.RecordBatch, copies: Numbers) -> pa.RecordBatch:
    if (copies == 1).all():
        return batch
    ids = [
        identity if copy == 1 else f"{identity}#copy{copy}"
        for identity, copy in zip(batch.column("id").to_pylist(), copies.tolist(), strict=True)
    ]
    columns = [pa.array(ids), *(batch.column(name) for name in batch.schema.names[1:])]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)
