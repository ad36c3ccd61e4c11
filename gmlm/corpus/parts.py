"""Rows of one input kept in the scratch folder until it is known which of them are published.

A part is a folder: its rows (Arrow IPC), arrays of numbers about them, and `part.json`, written last. A part with
`part.json` is finished and is not made again when a stage is resumed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gmlm.stage import StageRun

BATCH = 1024
"""Rows of one batch: what is held in memory while a part is written or read."""
NPY_HEADER = 128
"""Bytes of an array's file before its values."""
ROWS, SUMMARY = "rows.arrow", "part.json"


@dataclass(frozen=True)
class Part:
    """A finished part."""

    folder: Path

    @property
    def rows(self) -> Path:
        """The file of its rows."""
        return self.folder / ROWS

    def summary(self) -> dict[str, Any]:
        """What was counted."""
        counted: dict[str, Any] = json.loads((self.folder / SUMMARY).read_bytes())
        return counted

    def array(self, name: str) -> npt.NDArray[Any]:
        """One of its arrays, mapped into memory."""
        path = self.folder / f"{name}.npy"
        # An array without values cannot be mapped.
        values: npt.NDArray[Any] = np.load(path, mmap_mode="r" if path.stat().st_size > NPY_HEADER else None)
        return values


def part_folder(run: StageRun, name: str) -> Path:
    """The folder of a part; of a run with another identity it is another one."""
    return run.scratch / f"parts-{run.fingerprint[:12]}" / name


def finished_or_made(folder: Path, make: Callable[[PartWriter], None], schema: pa.Schema) -> Part:
    """The part in a folder; made now where an earlier run did not finish it."""
    part = Part(folder)
    if not (folder / SUMMARY).exists():
        folder.mkdir(parents=True, exist_ok=True)
        with PartWriter(folder, schema) as writer:
            make(writer)
    return part


class PartWriter:
    """Writes a part; leaving its context without an error finishes it."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder, self._schema = folder, schema
        self._held: list[Mapping[str, Any]] = []
        self._arrays: dict[str, npt.NDArray[Any]] = {}
        self._summary: Mapping[str, Any] = {}

    def __enter__(self) -> PartWriter:
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        self._file = pa.OSFile(str(self._folder / ROWS), "wb")
        self._stream = pa.ipc.new_file(self._file, self._schema, options=options)
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row."""
        self._held.append(row)
        if len(self._held) == BATCH:
            self._flush()

    def finish(self, summary: Mapping[str, Any], **arrays: npt.NDArray[Any]) -> None:
        """Say what was counted, and give the arrays kept beside the rows."""
        self._summary, self._arrays = summary, arrays

    def path(self, name: str) -> Path:
        """A further file of the part."""
        return self._folder / name

    def _flush(self) -> None:
        self._stream.write_batch(pa.RecordBatch.from_pylist(self._held, schema=self._schema))
        self._held.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held and kind is None:
            self._flush()
        self._stream.close()
        self._file.close()
        if kind is not None:
            return
        for name, values in self._arrays.items():
            np.save(self._folder / f"{name}.npy", values)
        unfinished = self._folder / f"{SUMMARY}.unfinished"
        unfinished.write_text(json.dumps(self._summary))
        unfinished.replace(self._folder / SUMMARY)
