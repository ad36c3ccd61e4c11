"""The corpus stage: documents of several sources to one filtered, mixed corpus with a held-out part."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from gmlm.config.corpora import RecipeConfig
from gmlm.corpus.canaries import canaries_json, canary_documents, make_canaries
from gmlm.corpus.candidates import InputShard, Selection, select_candidates
from gmlm.corpus.decontamination import TASK_ROLE, TaskNgrams, held_out_texts
from gmlm.corpus.drops import DecidedPart, SourceCount, counts_of, totals, write_drops, write_samples
from gmlm.corpus.filters import recipe_filters
from gmlm.corpus.parts import Part, PartWriter, finished_or_made, part_folder
from gmlm.corpus.publication import Chosen, chosen_rows, publish_rows
from gmlm.corpus.selection import decide, reasons
from gmlm.corpus.shuffling import ShufflingWriter
from gmlm.corpus.workers import results_in_order
from gmlm.errors import EmptyCorpusError
from gmlm.manifest import FileEntry, Manifest
from gmlm.shards import DOCUMENT_SCHEMA, DOCUMENTS, Document, ShardWriter, shard_entries
from gmlm.stage import StageRun
from gmlm.telemetry import progress

HOLDOUT = "holdout"
"""Folder of the held-out documents within a corpus."""


def build_corpus(config: RecipeConfig, run: StageRun) -> Manifest:
    """Filter, de-duplicate, decontaminate, weight and split the documents of all sources of a recipe.

    in = out + dropped, where in and out count distinct documents; a source's weight repeats documents of the training
    part. `drops.json` holds the counts per source and filter, and the contaminated documents per task. Shards are
    filtered in parallel processes (`gmlm.corpus.workers`). Interrupted, the stage goes on with the shards that it had
    not filtered, and writes the same bytes.

    Raises:
        EmptyCorpusError: No document is left to train on.
    """
    candidates = _candidates(config, run)
    decided = decide([part for _, part in candidates], config)
    parts = [DecidedPart(source, part, fates) for (source, part), fates in zip(candidates, decided.fates, strict=True)]
    counts = counts_of(parts, list(config.sources))
    filters = [*(each.reason for each in recipe_filters(config)), *reasons(config)]
    drops = [write_drops(run, filters, counts, decided.contaminated), *write_samples(run, parts, config)]
    _check_not_empty(counts, run)
    made = run.publish("documents", config, [*_publish(parts, config, run), *drops], counters=totals(counts))
    shutil.rmtree(part_folder(run, ""))
    return made


def _candidates(config: RecipeConfig, run: StageRun) -> list[tuple[str, Part]]:
    """The candidates of every shard of every source, in order."""
    selection = Selection(config, _ngrams(run, config) if config.decontaminate else None)
    entries = [(name, entry) for name in config.sources for entry in shard_entries(run.inputs[name])]
    found = list[tuple[str, Part]]()
    with progress(f"corpus {run.name}", total=sum(entry.rows or 0 for _, entry in entries), unit="documents") as bar:
        parts = results_in_order(partial(select_candidates, selection=selection), _shards(run, entries))
        for (source, entry), part in zip(entries, parts, strict=True):
            found.append((source, part))
            bar.advance(entry.rows or 0)
    return found


def _shards(run: StageRun, entries: list[tuple[str, FileEntry]]) -> Iterator[InputShard]:
    for number, (source, entry) in enumerate(entries):
        path = _local(run, run.inputs[source], entry)
        yield InputShard(source, path, entry.sha256, part_folder(run, f"{number:06d}"))


def _local(run: StageRun, manifest: Manifest, entry: FileEntry) -> Path:
    """A shard where it lies, or a copy of it in the scratch folder."""
    key = manifest.key(entry.path)
    if (local := run.store.local_path(key)) is not None:
        return local
    copy = run.scratch / "inputs" / key
    if not copy.exists():
        run.store.download(key, copy, sha256=entry.sha256)
    return copy


def _ngrams(run: StageRun, config: RecipeConfig) -> TaskNgrams:
    tasks = {role.removeprefix(TASK_ROLE): made for role, made in run.inputs.items() if role.startswith(TASK_ROLE)}
    return TaskNgrams(held_out_texts(run.store, tasks), config.decontamination_ngram)


def _publish(parts: list[DecidedPart], config: RecipeConfig, run: StageRun) -> list[FileEntry]:
    train = [Chosen(each.part, each.repeated()) for each in parts]
    held = [Chosen(each.part, each.rows(held=True)) for each in parts]
    if config.canaries is None:
        return [*_write(train, DOCUMENTS, config, run), *_write(held, HOLDOUT, config, run)]
    planted, controls = make_canaries(config.canaries, run.seed)
    train.append(_as_part(list(canary_documents(planted)), run))
    listed = run.write("canaries.json", canaries_json(planted, controls))
    return [*_write(train, DOCUMENTS, config, run), *_write(held, HOLDOUT, config, run), listed]


def _as_part(documents: list[Document], run: StageRun) -> Chosen:
    """Documents that are made here, as all rows of a part."""

    def write(writer: PartWriter) -> None:
        for document in documents:
            writer.write(document.row())

    part = finished_or_made(part_folder(run, "canaries"), write, DOCUMENT_SCHEMA)
    return Chosen(part, np.arange(len(documents)))


def _write(chosen: list[Chosen], folder: str, config: RecipeConfig, run: StageRun) -> list[FileEntry]:
    """Publish rows as they are, or with their words shuffled."""
    if config.shuffle_words == "none":
        return publish_rows(run, chosen, folder=folder, rows_per_shard=config.documents_per_shard)
    shards = ShardWriter(run, folder=folder, rows_per_shard=config.documents_per_shard)
    writer = ShufflingWriter(shards, config.shuffle_words, run.seed)
    for row in chosen_rows(chosen):
        writer.write(row)
    writer.flush()
    return writer.entries


def _check_not_empty(counts: dict[str, SourceCount], run: StageRun) -> None:
    total = totals(counts)
    if not total["train"]:
        found = ", ".join(f"{key.removeprefix('dropped: ')}: {n}" for key, n in total.items() if ": " in key)
        what = f"no document is left to train on, of {total['in']} read ({found or 'nothing dropped'})"
        raise EmptyCorpusError(what, where=f"recipes.{run.name}", fix="loosen its filters or add sources")
