"""Plain text, one document a file."""

from __future__ import annotations

from collections.abc import Iterator

from gmlm.config.corpora import SourceConfig
from gmlm.corpus.readers.record import LONGEST, BadRecord, InputFile, Record


def read_text(file: InputFile, source: SourceConfig) -> Iterator[Record | BadRecord]:
    """The whole file is one document; its id is the file's name within the source."""
    with file.open_text(source.encoding) as stream:
        yield Record("line 1", file.name, file.whole_text(stream, LONGEST))
