"""The corpus stage: documents of several sources to one filtered, mixed corpus with a held-out part."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from gmlm.config.corpora import RecipeConfig
from gmlm.corpus.decontamination import TASK_ROLE, TaskNgrams, held_out_texts
from gmlm.corpus.filters import Candidate, Contamination, Filter, copies, is_held_out, recipe_filters
from gmlm.corpus.normalisation import normalise
from gmlm.errors import EmptyCorpusError
from gmlm.manifest import FileEntry, Manifest
from gmlm.shards import DOCUMENTS, Document, ShardWriter, read_documents
from gmlm.stage import StageRun
from gmlm.telemetry import progress

HOLDOUT = "holdout"
"""Folder of the held-out documents within a corpus."""


@dataclass
class SourceCount:
    """What became of one source's documents; `repeats` are the copies beyond the first that its weight adds."""

    read: int = 0
    train: int = 0
    holdout: int = 0
    repeats: int = 0
    characters: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, object]:
        """The counts as `drops.json` holds them: in = out + all that is dropped."""
        kept = {"in": self.read, "out": self.train + self.holdout, "train": self.train, "holdout": self.holdout}
        return {**kept, "repeats": self.repeats, "characters": self.characters, "dropped": dict(self.dropped)}


def build_corpus(config: RecipeConfig, run: StageRun) -> Manifest:
    """Filter, de-duplicate, decontaminate, weight and split the documents of all sources of a recipe.

    in = out + dropped, where in and out count distinct documents; a source's weight repeats documents of the training
    part. `drops.json` holds the counts per source and filter, and the contaminated documents per task. Interrupted, the
    stage starts again and writes the same bytes.

    Raises:
        EmptyCorpusError: No document is left to train on.
    """
    contamination = _contamination(config, run) if config.decontaminate else None
    filters = recipe_filters(config, contamination)
    parts = {
        part: ShardWriter(run, folder=part, rows_per_shard=config.documents_per_shard) for part in (DOCUMENTS, HOLDOUT)
    }
    counts = {name: _take_source(name, config, run, filters, parts) for name in config.sources}
    for writer in parts.values():
        writer.flush()
    drops = _write_json(run, _drops_json(counts, filters, contamination))
    _check_not_empty(counts, run)
    entries = [entry for writer in parts.values() for entry in writer.entries]
    return run.publish("documents", config, [*entries, drops], counters=_totals(counts))


def _take_source(
    name: str, config: RecipeConfig, run: StageRun, filters: Sequence[Filter], parts: dict[str, ShardWriter]
) -> SourceCount:
    """Pass all documents of a source through the filters and write those that are left."""
    count = SourceCount()
    weights = {source: mix.weight for source, mix in config.sources.items()}
    for document in _documents(name, run):
        count.read += 1
        text = normalise(document.text)
        candidate = Candidate.of(name, text)
        reason = next((each.reason for each in filters if each.drops(candidate)), None)
        if reason is not None:
            count.dropped[reason] += 1
            continue
        kept = replace(document, source=name, text=text)
        count.characters += len(text)
        if is_held_out(candidate, config.holdout_ratio):
            count.holdout += 1
            parts[HOLDOUT].write(kept.row())
        else:
            count.train += 1
            count.repeats += _write_copies(kept, copies(candidate, weights), parts[DOCUMENTS])
    return count


def _write_copies(document: Document, number: int, writer: ShardWriter) -> int:
    """Write a document as often as its weight says, copies with a suffix to the id; return those beyond the first."""
    writer.write(document.row())
    for copy in range(2, number + 1):
        writer.write(replace(document, id=f"{document.id}#copy{copy}").row())
    return number - 1


def _documents(name: str, run: StageRun) -> Iterator[Document]:
    manifest = run.inputs[name]
    with progress(f"corpus {run.name}: {name}", total=manifest.counters.get("out"), unit="documents") as bar:
        for document in read_documents(run.store, manifest):
            yield document
            bar.advance()


def _contamination(config: RecipeConfig, run: StageRun) -> Contamination:
    tasks = {role.removeprefix(TASK_ROLE): made for role, made in run.inputs.items() if role.startswith(TASK_ROLE)}
    return Contamination(TaskNgrams(held_out_texts(run.store, tasks), config.decontamination_ngram))


def _drops_json(
    counts: dict[str, SourceCount], filters: Sequence[Filter], contamination: Contamination | None
) -> dict[str, object]:
    return {
        "filters": [each.reason for each in filters],
        "sources": {name: count.as_json() for name, count in counts.items()},
        "contaminated": dict(contamination.hits) if contamination else {},
    }


def _write_json(run: StageRun, drops: dict[str, object]) -> FileEntry:
    return run.write("drops.json", json.dumps(drops, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n")


def _totals(counts: dict[str, SourceCount]) -> dict[str, int]:
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


def _check_not_empty(counts: dict[str, SourceCount], run: StageRun) -> None:
    totals = _totals(counts)
    if not totals["train"]:
        reasons = ", ".join(f"{key.removeprefix('dropped: ')}: {n}" for key, n in totals.items() if ": " in key)
        what = f"no document is left to train on, of {totals['in']} read ({reasons or 'nothing dropped'})"
        raise EmptyCorpusError(what, where=f"recipes.{run.name}", fix="loosen its filters or add sources")
