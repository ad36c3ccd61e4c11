"""What became of a corpus's documents: counts by source and filter, and samples of what was dropped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from gmlm.config.corpora import RecipeConfig
from gmlm.corpus.candidates import SAMPLES, dropped_line
from gmlm.corpus.parts import BATCH, Part
from gmlm.corpus.selection import REASONS, TAKEN
from gmlm.manifest import FileEntry
from gmlm.stage import StageRun


@dataclass(frozen=True)
class DecidedPart:
    """A part of one source, and the fate of each of its rows."""

    source: str
    part: Part
    fates: np.ndarray[tuple[int], np.dtype[np.uint8]]

    def rows(self, *, held: bool) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Numbers of the rows that are taken and held out, or taken to train on."""
        return np.flatnonzero((self.fates == TAKEN) & (self.part.array("held") == held))

    def repeated(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The rows to train on, each as often as its source's weight says."""
        rows = self.rows(held=False)
        return np.repeat(rows, self.part.array("copies")[rows])


@dataclass
class SourceCount:
    """What became of one source's documents; `repeats` are the copies beyond the first that its weight adds."""

    read: int = 0
    train: int = 0
    holdout: int = 0
    repeats: int = 0
    characters: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def add(self, decided: DecidedPart) -> None:
        """Count a part."""
        summary = decided.part.summary()
        train = len(decided.rows(held=False))
        self.read += summary["read"]
        self.train += train
        self.holdout += len(decided.rows(held=True))
        self.repeats += len(decided.repeated()) - train
        self.characters += int(decided.part.array("characters")[decided.fates == TAKEN].sum())
        by_fate = {reason: int((decided.fates == fate).sum()) for fate, reason in REASONS.items()}
        self.dropped += Counter(summary["dropped"]) + Counter(by_fate)

    def as_json(self) -> dict[str, object]:
        """The counts as `drops.json` holds them: in = out + all that is dropped."""
        kept = {"in": self.read, "out": self.train + self.holdout, "train": self.train, "holdout": self.holdout}
        return {**kept, "repeats": self.repeats, "characters": self.characters, "dropped": dict(self.dropped)}


def counts_of(parts: Sequence[DecidedPart], sources: Sequence[str]) -> dict[str, SourceCount]:
    """The counts of each source."""
    counts = {source: SourceCount() for source in sources}
    for decided in parts:
        counts[decided.source].add(decided)
    return counts


def totals(counts: Mapping[str, SourceCount]) -> dict[str, int]:
    """The counters of the corpus: sums over its sources."""
    dropped = sum((count.dropped for count in counts.values()), Counter[str]())
    train, holdout = (sum(getattr(count, part) for count in counts.values()) for part in ("train", "holdout"))
    return {
        "in": sum(count.read for count in counts.values()),
        "out": train + holdout,
        "train": train,
        "holdout": holdout,
        "repeats": sum(count.repeats for count in counts.values()),
        "dropped": dropped.total(),
        **{f"dropped: {reason}": number for reason, number in sorted(dropped.items())},
    }


def write_drops(
    run: StageRun, filters: Sequence[str], counts: Mapping[str, SourceCount], contaminated: Mapping[str, int]
) -> FileEntry:
    """Put the counts among the outputs as `drops.json`."""
    drops = {
        "filters": list(filters),
        "sources": {name: count.as_json() for name, count in counts.items()},
        "contaminated": dict(contaminated),
    }
    return run.write("drops.json", json.dumps(drops, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n")


def write_samples(run: StageRun, parts: Sequence[DecidedPart], config: RecipeConfig) -> list[FileEntry]:
    """Put the first dropped documents of each source and filter among the outputs as `quarantine.jsonl`."""
    taken, lines = Counter[tuple[str, str]](), list[bytes]()
    for decided in parts if config.keep_dropped else ():
        for reason, line in _dropped(decided, config.keep_dropped):
            taken[decided.source, reason] += 1
            if taken[decided.source, reason] <= config.keep_dropped:
                lines.append(line)
    return [run.write("quarantine.jsonl", b"".join(lines), rows=len(lines))] if lines else []


def _dropped(decided: DecidedPart, number: int) -> Iterator[tuple[str, bytes]]:
    for line in (decided.part.folder / SAMPLES).read_bytes().splitlines(keepends=True):
        yield json.loads(line)["reason"], line
    for fate, reason in REASONS.items():
        with pa.OSFile(str(decided.part.rows)) as file, pa.ipc.open_file(file) as reader:
            for row in np.flatnonzero(decided.fates == fate)[:number].tolist():
                batch = reader.get_batch(row // BATCH)
                identity, text = (batch.column(name)[row % BATCH].as_py() for name in ("id", "text"))
                yield reason, dropped_line(decided.source, identity, reason, text)
