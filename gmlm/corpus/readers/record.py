"""What readers yield, and the file they read from."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from gmlm.config.corpora import SourceConfig
from gmlm.errors import ConfigError, DataFormatError

BLOCK = 1 << 20
"""Bytes read at once."""
LONGEST = 1 << 26
"""Characters of the longest line, field or document; a packed file of some megabytes may unpack to one of gigabytes."""
LARGEST_FILE = 1 << 30
"""Characters of the largest file that has to be read as a whole."""


@dataclass(frozen=True)
class Record:
    """A document as found in a file, not yet checked.

    Attributes:
        position: Where in the file, such as `line 12` or a PMID.
        id: The record's own id; None where it has none by configuration.
        text: Its text.
        meta: Its metadata.
        revises: What it is a version of, where that is not its id: a PMID. Of several versions only the newest one's
            records become documents.
        version: Order of the version among those of the same file, the newest highest; the records of one version share
            it, and have ids of their own.
    """

    position: str
    id: str | None
    text: str
    meta: Mapping[str, str] = field(default_factory=dict)
    revises: str | None = None
    version: int = 0


@dataclass(frozen=True)
class Deletion:
    """The order to leave out all older records of an id, and those of the same file."""

    id: str


@dataclass(frozen=True)
class BadRecord:
    """A record that cannot become a document.

    Attributes:
        position: Where in the file.
        reason: A short fixed phrase without any of the text.
        record: The record as found, for the quarantine.
        fault: Whether it counts towards `max_rejected_ratio`; a record that lacks text by its nature does not.
        listed: Whether the quarantine lists it; what a source is full of by its nature is only counted.
    """

    position: str
    reason: str
    record: str | None = None
    fault: bool = True
    listed: bool = True


@dataclass(frozen=True)
class InputFile:
    """A raw file: its path, its name within the source, and who is told of the bytes that are read."""

    path: Path
    name: str
    advance: Callable[[int], None] = lambda _: None

    def open_binary(self) -> IO[bytes]:
        """The file's bytes, unpacked where its name ends in `.gz`."""
        counted = io.BufferedReader(_CountedBytes(self), BLOCK)
        return cast(IO[bytes], gzip.GzipFile(fileobj=counted)) if self.name.endswith(".gz") else counted

    def open_text(self, encoding: str) -> IO[str]:
        """The file's text with its line ends as they are; a byte order mark is left out.

        Raises:
            ConfigError: There is no such encoding.
        """
        try:
            name = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        except LookupError:
            fix = "give a name that Python knows, such as utf-8, latin-1 or cp1252"
            raise ConfigError(f"unknown encoding {encoding!r}", where=str(self.path), fix=fix) from None
        return io.TextIOWrapper(cast(Any, self.open_binary()), encoding=name, newline="")

    def lines(self, stream: IO[str]) -> Iterator[str]:
        """The lines of an opened text.

        Raises:
            DataFormatError: One is longer than `LONGEST`.
        """
        while line := stream.readline(LONGEST + 1):
            if len(line) > LONGEST:
                raise self.fault(
                    f"a line of more than {LONGEST:,} characters", "check that the file is what it should be"
                )
            yield line

    def whole_text(self, stream: IO[str], longest: int) -> str:
        """All of an opened text.

        Raises:
            DataFormatError: It has more characters than allowed.
        """
        text = stream.read(longest + 1)
        if len(text) > longest:
            raise self.fault(f"more than {longest:,} characters", "divide it, or check that it is what it should be")
        return text

    def fault(self, what: str, fix: str, position: str | None = None) -> DataFormatError:
        """The error that the file as a whole cannot be read."""
        where = f"{self.path}, {position}" if position else str(self.path)
        return DataFormatError(what, where=where, fix=fix)

    @contextmanager
    def whole_file_faults(self, encoding: str) -> Iterator[None]:
        """Turn truncation, damage and wrong encoding into DataFormatError with file and position."""
        try:
            try:
                yield
            except UnicodeError:
                # Looking for the position may find that the file is damaged, which then is the cause.
                position = self._first_undecodable(encoding)
                fix = f"set the source's 'encoding' to the one it is in; it was read as {encoding}"
                raise self.fault("the text cannot be decoded", fix, position) from None
        except EOFError:
            raise self.fault("the gzip file is truncated", "fetch the file again") from None
        except (gzip.BadGzipFile, zlib.error):
            raise self.fault("not a sound gzip file", "fetch it again, or rename it if it is not packed") from None

    def _first_undecodable(self, encoding: str) -> str | None:
        decoder, line = codecs.getincrementaldecoder(encoding)(), 1
        with self.open_binary() as stream:
            for block in iter(lambda: stream.read(BLOCK), b""):
                try:
                    line += decoder.decode(block).count("\n")
                except UnicodeDecodeError as error:
                    return f"line {line + error.object[: error.start].decode(encoding, 'replace').count(chr(10))}"
        return None


class _CountedBytes(io.RawIOBase):
    """Reads a file and tells how many bytes were read."""

    def __init__(self, file: InputFile) -> None:
        self._stream = file.path.open("rb", buffering=0)
        self._advance = file.advance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._stream.readinto(buffer) or 0
        self._advance(count)
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


Reader = Callable[[InputFile, SourceConfig], Iterator[Record | BadRecord | Deletion]]
"""Reads one file and yields its records in order; memory stays bounded by the largest record.

Raises DataFormatError where the file as a whole cannot be read."""
