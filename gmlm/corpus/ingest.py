"""The ingest stage: raw files of one source to documents."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Generator
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

from gmlm.config.corpora import SourceConfig
from gmlm.corpus.inputs import input_files, input_path, input_root
from gmlm.corpus.readers import READERS, BadRecord, InputFile, Record
from gmlm.errors import DataFormatError, EmptyCorpusError
from gmlm.manifest import Manifest
from gmlm.shards import Document, Quarantine, ShardWriter
from gmlm.stage import StageRun
from gmlm.storage.files import explained
from gmlm.telemetry import progress


def ingest(config: SourceConfig, run: StageRun) -> Manifest:
    r"""Read all files of a source once; documents go to shards, bad records to the quarantine: in = out + rejected.

    Ids are unique and texts in NFC with `\n` as line end. Interrupted, it starts again and writes the same bytes.

    Raises:
        InputNotFoundError: There is nothing to read.
        DataFormatError: A file as a whole cannot be read, or too many of its records are bad.
        EmptyCorpusError: No document remains.
    """
    reading = _Reading(config, run)
    writer = ShardWriter(run)
    with closing(reading.documents()) as documents:
        for document in documents:
            writer.write(document.row())
            reading.out += 1
            if reading.out == config.limit:
                break
    writer.flush()
    quarantined = reading.quarantine.write()
    reading.check(run)
    counters = {"in": reading.out + reading.quarantine.total, "out": reading.out, **reading.quarantine.counters()}
    metrics = {"characters": float(reading.characters)}
    return run.publish("documents", config, [*writer.entries, *quarantined], counters=counters, metrics=metrics)


class _Reading:
    """The pass over a source's files, and what it counts."""

    def __init__(self, config: SourceConfig, run: StageRun) -> None:
        self._config, self._name, self._study_folder = config, run.name, run.study_folder
        self._seen = set[bytes]()
        self._faults = 0
        self._supersedes = config.reader == "pubmed_xml"
        self.quarantine = Quarantine(run)
        self.out = 0
        self.characters = 0

    def documents(self) -> Generator[Document, None, None]:
        """The good records as documents; the others are quarantined on the way."""
        files = _files(self._config, self._study_folder)
        sizes = {path: path.stat().st_size if path.is_file() else 0 for path, _ in files}
        with progress(f"ingest {self._name}", total=sum(sizes.values()), unit="B") as bar:
            for path, name in files:
                read = _ByteCount(bar.advance)
                yield from self._documents_of(InputFile(path, name, read))
                bar.advance(max(sizes[path] - read.total, 0))
                bar.show(documents=self.out, rejected=self.quarantine.total)

    def _documents_of(self, file: InputFile) -> Generator[Document, None, None]:
        with explained(str(file.path)), file.whole_file_faults(self._config.encoding):
            for number, record in enumerate(READERS[self._config.reader](file, self._config), start=1):
                document = record if isinstance(record, BadRecord) else self._checked(record, file.name, number)
                if isinstance(document, Document):
                    self.characters += len(document.text)
                    yield document
                else:
                    self._reject(file.name, document)

    def _checked(self, record: Record, file: str, number: int) -> Document | BadRecord:
        identity = unicodedata.normalize("NFC", record.id or f"{file}#{number}")
        text = normal_form(record.text)
        try:
            digest = blake2b(identity.encode(), digest_size=12).digest()
            (text + "".join(record.meta.values())).encode()
        except UnicodeEncodeError:
            return BadRecord(record.position, "invalid unicode")
        if not text:
            return BadRecord(record.position, "empty text")
        if digest in self._seen:
            return BadRecord(record.position, "id occurred before", text, fault=not self._supersedes)
        self._seen.add(digest)
        return Document(identity, self._name, self._config.language, text, record.meta)

    def _reject(self, file: str, bad: BadRecord) -> None:
        self._faults += bad.fault
        record = None if bad.record is None else bad.record.encode(errors="backslashreplace").decode()
        self.quarantine.reject(file=file, position=bad.position, reason=bad.reason, record=record)

    def check(self, run: StageRun) -> None:
        """Raise where too many records are faulty, or none is left."""
        counted = self.out + self._faults
        reasons = ", ".join(f"{reason}: {n}" for reason, n in self.quarantine.reasons.most_common(5))
        if counted and self._faults > self._config.max_rejected_ratio * counted:
            what = f"{self._faults} of {counted} records are bad ({reasons})"
            fix = f"see {run.key('quarantine.jsonl')} in the store; mend the input or raise 'max_rejected_ratio'"
            raise DataFormatError(what, where=f"sources.{run.name}", fix=fix)
        if not self.out:
            what = f"no document to pass on ({reasons or 'the files hold no records'})"
            raise EmptyCorpusError(what, where=f"sources.{run.name}", fix="check 'path', 'reader' and 'text_fields'")


def normal_form(text: str) -> str:
    r"""The text in Unicode NFC with `\n` as line end and without white space around it; layout within is kept."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


class _ByteCount:
    """Passes on bytes read and sums them up."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance
        self.total = 0

    def __call__(self, count: int) -> None:
        self.total += count
        self._advance(count)


def _files(config: SourceConfig, study_folder: Path) -> list[tuple[Path, str]]:
    """What the reader is called with, one by one, each with its name within the source."""
    if config.reader == "dataset":
        folder = input_path(config, study_folder)
        return [(folder, folder.name)]
    root = input_root(config, study_folder)
    paths = input_files(config, study_folder)
    if config.reader == "pubmed_xml":
        # PubMed numbers its daily update files on from the yearly baseline: read last to first, the newest version of
        # a citation is the one that is kept.
        paths.reverse()
    return [(path, path.relative_to(root).as_posix()) for path in paths]
