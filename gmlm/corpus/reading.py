"""Reads one raw file of a source into a part: good records as rows, bad ones as lines of the quarantine."""

from __future__ import annotations

import json
import unicodedata
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa

from gmlm.config.corpora import SourceConfig
from gmlm.corpus.deidentification.deidentify import Deidentifier
from gmlm.corpus.deidentification.placeholders import filled
from gmlm.corpus.parts import Part, PartWriter, finished_or_made
from gmlm.corpus.readers import READERS, BadRecord, Deletion, InputFile, Record
from gmlm.shards import DOCUMENT_SCHEMA, Document
from gmlm.storage.files import explained

SCHEMA = DOCUMENT_SCHEMA.append(pa.field("position", pa.string(), nullable=False))
"""A document and where in its file it was found."""
BAD = "bad.jsonl"
"""File of a part: its bad records as the quarantine holds them."""


def no_progress(_: int) -> None:
    """Tell nobody of the bytes that are read."""


@dataclass(frozen=True)
class RawFile:
    """One raw file to read: its path, its name within the source, and the folder of its part."""

    path: Path
    name: str
    folder: Path


class Limit:
    """Tells when enough documents were read, over all files of a source; reads on behind duplicates."""

    def __init__(self, documents: int) -> None:
        self._missing = documents
        self._versions: dict[bytes, tuple[str, int]] = {}

    @property
    def reached(self) -> bool:
        """Whether no more are wanted."""
        return self._missing <= 0

    def count(self, key: bytes, file: str, rank: int) -> None:
        """Count a row unless it is another version of one before."""
        self._missing -= self._versions.setdefault(key, (file, rank)) == (file, rank)


@dataclass(frozen=True)
class Reading:
    """How the files of a source are read: under which name, by which configuration, and told to whom."""

    source: str
    config: SourceConfig
    seed: int
    study_folder: Path
    limit: Limit | None = None
    advance: Callable[[int], None] = no_progress


def read_raw_file(file: RawFile, reading: Reading) -> Part:
    """Read a file once, into a part.

    It has the arrays

    - `keys` (rows, 2): what each row is a version of, hashed; `deleted` (deletions, 2): the same for deletions;
    - `ranks`: versions of the same key within the file, the newest lowest; equal for records of one citation;
    - `numbers`: the number of each row's record in the file; `bad_numbers`: those of the records in `bad.jsonl`;
    - `characters`: of each row's text,

    and the summary `reasons` of bad records, `faults`, those that count towards `max_rejected_ratio`, and identifiers
    `replaced` by kind.

    Raises:
        DataFormatError: The file as a whole cannot be read.
    """
    return finished_or_made(file.folder, lambda writer: _FileReading(file, reading, writer).run(), SCHEMA)


class _FileReading:
    """The pass over one file, and what it counts."""

    def __init__(self, file: RawFile, reading: Reading, writer: PartWriter) -> None:
        self._file, self._reading, self._writer = file, reading, writer
        self._config, self._limit = reading.config, reading.limit
        self._keys, self._deleted = bytearray(), bytearray()
        self._ranks, self._numbers, self._bad_numbers = array("q"), array("q"), array("q")
        self._characters = array("q")
        self._replaced = Counter[str]()
        chosen = self._config.deidentification
        self._deidentifier = None if chosen is None else Deidentifier(chosen, reading.study_folder, reading.seed)
        self._reasons, self._faults, self._read = Counter[str](), 0, 0

    def run(self) -> None:
        """Read to the end, or until there are enough."""
        file = InputFile(self._file.path, self._file.name, self._reading.advance)
        with (
            self._writer.path(BAD).open("wb") as bad,
            explained(str(self._file.path)),
            file.whole_file_faults(self._config.encoding),
        ):
            for record in READERS[self._config.reader](file, self._config):
                if isinstance(record, Deletion):
                    self._deleted += _digest(record.id)
                    continue
                self._read += 1
                self._take(record, bad)
                if self._limit is not None and self._limit.reached:
                    break
        self._finish()

    def _take(self, record: Record | BadRecord, bad: BinaryIO) -> None:
        checked = record if isinstance(record, BadRecord) else self._checked(record)
        if isinstance(record, BadRecord) or isinstance(checked, BadRecord):
            self._set_aside(cast(BadRecord, checked), bad)
            return
        self._writer.write(checked.row() | {"position": record.position})
        key = _digest(record.revises or checked.id)
        rank = -record.version if record.revises else self._read
        if self._limit is not None:
            self._limit.count(key, self._file.name, rank)
        self._keys += key
        self._ranks.append(rank)
        self._numbers.append(self._read)
        self._characters.append(len(checked.text))

    def _set_aside(self, record: BadRecord, bad: BinaryIO) -> None:
        if self._deidentifier is not None:
            record = replace(record, record=None)  # what could not be read was not de-identified either
        self._reasons[record.reason] += 1
        self._faults += record.fault
        if record.listed:
            self._bad_numbers.append(self._read)
            bad.write(quarantine_line(self._file.name, record))

    def _checked(self, record: Record) -> Document | BadRecord:
        identity = unicodedata.normalize("NFC", record.id or f"{self._file.name}#{self._read}")
        text = normal_form(record.text)
        try:
            (identity + text + "".join(record.meta.values())).encode()
        except UnicodeEncodeError:
            return BadRecord(record.position, "invalid unicode")
        if not text:
            return BadRecord(record.position, "empty text")
        if self._config.placeholders == "surrogates":
            text = filled(text, identity, self._reading.seed)
        if self._deidentifier is not None:
            text, replaced = self._deidentifier.replaced(identity, text)
            self._replaced += replaced
        return Document(identity, self._reading.source, self._config.language, text, record.meta)

    def _finish(self) -> None:
        self._writer.finish(
            {"reasons": self._reasons, "faults": self._faults, "replaced": self._replaced},
            keys=np.frombuffer(bytes(self._keys), np.uint64).reshape(-1, 2),
            deleted=np.frombuffer(bytes(self._deleted), np.uint64).reshape(-1, 2),
            ranks=np.array(self._ranks, np.int64),
            numbers=np.array(self._numbers, np.int64),
            bad_numbers=np.array(self._bad_numbers, np.int64),
            characters=np.array(self._characters, np.int64),
        )


def quarantine_line(file: str, bad: BadRecord) -> bytes:
    """A bad record as one line of `quarantine.jsonl`."""
    record = None if bad.record is None else bad.record.encode(errors="backslashreplace").decode()
    line = {"file": file, "position": bad.position, "reason": bad.reason, "record": record}
    return json.dumps(line, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def normal_form(text: str) -> str:
    r"""The text in Unicode NFC with `\n` as line end and without white space around it; layout within is kept."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _digest(identity: str) -> bytes:
    return blake2b(unicodedata.normalize("NFC", identity).encode(errors="surrogatepass"), digest_size=16).digest()
