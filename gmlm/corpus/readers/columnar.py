"""Parquet files, and data sets of the `datasets` library."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from gmlm.config.corpora import SourceConfig
from gmlm.corpus.readers.fields import record_of, top_level_columns
from gmlm.corpus.readers.record import BadRecord, InputFile, Record
from gmlm.errors import InputNotFoundError

ROWS = 1024
"""Rows held in memory at once."""


def read_parquet(file: InputFile, source: SourceConfig) -> Iterator[Record | BadRecord]:
    """One record a row; nested columns are reached by dotted keys."""
    columns = top_level_columns(source)
    try:
        with pq.ParquetFile(file.path) as parquet:
            _check_columns(file, parquet.schema_arrow.names, columns)
            number = 0
            for batch in parquet.iter_batches(ROWS, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    yield record_of(row, source, f"row {number}")
    except PermissionError:
        raise
    except (pa.ArrowException, OSError):
        raise file.fault("not a sound Parquet file", "fetch or write it again") from None


def read_dataset(file: InputFile, source: SourceConfig) -> Iterator[Record | BadRecord]:
    """One record a row of a folder written by `save_to_disk`, or of a data set of the Hub; all splits, in order.

    Raises:
        InputNotFoundError: There is neither such a folder nor such a data set.
    """
    import datasets

    try:
        loaded = datasets.load_from_disk(str(file.path)) if file.path.exists() else datasets.load_dataset(source.path)
    except (FileNotFoundError, ConnectionError, datasets.exceptions.DatasetNotFoundError):
        fix = "give a folder written by Dataset.save_to_disk, or the name of a data set of the Hub"
        raise InputNotFoundError("no such data set", where=source.path, fix=fix) from None
    splits = loaded if isinstance(loaded, datasets.DatasetDict) else {"row": loaded}
    for split, rows in splits.items():
        columns = top_level_columns(source)
        _check_columns(file, rows.column_names, columns)
        for number, row in enumerate(rows.select_columns(columns), start=1):
            yield record_of(row, source, f"{split} {number}")


def _check_columns(file: InputFile, found: list[str], wanted: list[str]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        fix = f"its columns are {', '.join(found)[:300]}; correct the source's fields"
        raise file.fault(f"column {missing[0]!r} is missing", fix)
