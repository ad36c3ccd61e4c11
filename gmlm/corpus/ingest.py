"""The ingest stage: raw files of one source to documents."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from gmlm.config.corpora import SourceConfig
from gmlm.config.workers import worker_count
from gmlm.corpus.inputs import input_files, input_path, input_root
from gmlm.corpus.parts import Part, part_folder
from gmlm.corpus.publication import Chosen, publish_rows
from gmlm.corpus.quarantine import write_quarantine
from gmlm.corpus.reading import Limit, RawFile, Reading, read_raw_file
from gmlm.corpus.revisions import KEPT, REASONS, Fates, fates
from gmlm.corpus.workers import results_in_order
from gmlm.errors import DataFormatError, EmptyCorpusError
from gmlm.manifest import Manifest
from gmlm.stage import StageRun
from gmlm.telemetry import Progress, progress


def ingest(config: SourceConfig, run: StageRun) -> Manifest:
    r"""Read all files of a source once; documents go to shards, bad records to the quarantine: in = out + rejected.

    Ids are unique and texts in NFC with `\n` as line end. Files are read in parallel processes (`gmlm.corpus.workers`).
    Interrupted, it goes on with the files that it had not finished, and writes the same bytes.

    Raises:
        InputNotFoundError: There is nothing to read.
        DataFormatError: A file as a whole cannot be read, or too many of its records are bad.
        EmptyCorpusError: No document remains.
    """
    files = [_ReadFile(file, part, fate) for (file, part), fate in _read(config, run)]
    quarantined = write_quarantine(run, ((each.file.name, each.part, each.fates) for each in files))
    rejected = sum((each.rejected() for each in files), Counter[str]())
    out = sum(len(each.kept) for each in files)
    _check(config, run, rejected, out, faults=sum(each.faults(config) for each in files))
    shards = publish_rows(run, [Chosen(each.part, each.kept) for each in files])
    counters = {"in": out + rejected.total(), "out": out, "rejected": rejected.total()}
    counters |= {f"rejected: {reason}": number for reason, number in sorted(rejected.items())}
    metrics = {"characters": float(sum(each.characters() for each in files)), **_replaced(files)}
    made = run.publish("documents", config, [*shards, *quarantined], counters=counters, metrics=metrics)
    shutil.rmtree(part_folder(run, ""))
    return made


@dataclass(frozen=True)
class _ReadFile:
    """A file that was read, and what becomes of its rows."""

    file: RawFile
    part: Part
    fates: Fates

    @property
    def kept(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Numbers of the rows that become documents."""
        return np.flatnonzero(self.fates == KEPT)

    def rejected(self) -> Counter[str]:
        """Rejected records by reason."""
        by_fate = {reason: int((self.fates == fate).sum()) for fate, reason in REASONS.items()}
        return Counter(self.part.summary()["reasons"]) + Counter(by_fate)

    def faults(self, config: SourceConfig) -> int:
        """Records that count towards `max_rejected_ratio`; PubMed revises its citations by design."""
        recurring = 0 if config.reader == "pubmed_xml" else int((self.fates != KEPT).sum())
        return int(self.part.summary()["faults"]) + recurring

    def characters(self) -> int:
        """Characters of the rows that are kept."""
        return int(self.part.array("characters")[self.kept].sum())


def _replaced(files: list[_ReadFile]) -> dict[str, float]:
    """Identifiers that surrogates stand in for, by kind; nothing where the source is not de-identified."""
    found = sum((Counter(each.part.summary()["replaced"]) for each in files), Counter[str]())
    return {f"replaced: {kind}": float(number) for kind, number in sorted(found.items())}


def _read(config: SourceConfig, run: StageRun) -> Iterator[tuple[tuple[RawFile, Part], Fates]]:
    """Every file with its part and the fates of its rows."""
    files = _files(config, run)
    sizes = [file.path.stat().st_size if file.path.is_file() else 0 for file in files]
    with progress(f"ingest {run.name}", total=sum(sizes), unit="B") as bar:
        parts = _limited(files, config, run) if config.limit is not None else _all(files, sizes, config, run, bar)
    yield from zip(zip(files, parts, strict=False), fates(parts), strict=True)


def _all(files: list[RawFile], sizes: list[int], config: SourceConfig, run: StageRun, bar: Progress) -> list[Part]:
    alone = worker_count() == 1
    reading = Reading(run.name, config, run.seed, run.study_folder)
    reading = replace(reading, advance=bar.advance) if alone else reading
    parts = []
    for size, part in zip(sizes, results_in_order(partial(read_raw_file, reading=reading), files), strict=True):
        parts.append(part)
        if not alone:
            bar.advance(size)
    return parts


def _limited(files: list[RawFile], config: SourceConfig, run: StageRun) -> list[Part]:
    """The parts of the first files that hold as many documents as are wanted; one after the other, from the start."""
    shutil.rmtree(part_folder(run, ""), ignore_errors=True)
    reading = Reading(run.name, config, run.seed, run.study_folder, limit := Limit(config.limit or 0))
    parts = list[Part]()
    while len(parts) < len(files) and not limit.reached:
        parts.append(read_raw_file(files[len(parts)], reading))
    return parts


def _check(config: SourceConfig, run: StageRun, rejected: Counter[str], out: int, *, faults: int) -> None:
    """Raise where too many records are faulty, or none is left."""
    counted = out + faults
    reasons = ", ".join(f"{reason}: {n}" for reason, n in rejected.most_common(5))
    if counted and faults > config.max_rejected_ratio * counted:
        what = f"{faults} of {counted} records are bad ({reasons})"
        fix = f"see {run.key('quarantine.jsonl')} in the store; mend the input or raise 'max_rejected_ratio'"
        raise DataFormatError(what, where=f"sources.{run.name}", fix=fix)
    if not out:
        what = f"no document to pass on ({reasons or 'the files hold no records'})"
        raise EmptyCorpusError(what, where=f"sources.{run.name}", fix="check 'path', 'reader' and 'text_fields'")


def _files(config: SourceConfig, run: StageRun) -> list[RawFile]:
    """What the reader is called with, one by one, each with its name within the source."""
    if config.reader == "dataset":
        folder = input_path(config, run.study_folder)
        named = [(folder, folder.name)]
    else:
        root = input_root(config, run.study_folder)
        paths = input_files(config, run.study_folder)
        if config.reader == "pubmed_xml":
            # PubMed numbers its daily update files on from the yearly baseline: read last to first, the newest version
            # of a citation is the one that is kept, and a deletion comes before what it deletes.
            paths.reverse()
        named = [(path, path.relative_to(root).as_posix()) for path in paths]
    return [_raw_file(path, name, number, run) for number, (path, name) in enumerate(named)]


def _raw_file(path: Path, name: str, number: int, run: StageRun) -> RawFile:
    return RawFile(path, name, part_folder(run, f"{number:06d}"))
