"""The corpus stage: documents of several sources to one filtered, mixed corpus with a held-out part."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from itertools import tee
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from gmlm.config.corpora import RecipeConfig
from gmlm.corpus.canaries import canaries_json, canary_documents, make_canaries
from gmlm.corpus.candidates import InputPiece, Selection, select_candidates
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
PIECE = 10_000
"""Documents that are filtered at a time: a fifth of an ordinary shard."""


def build_corpus(config: RecipeConfig, run: StageRun) -> Manifest:
    """Filter, de-duplicate, decontaminate, weight and split the documents of all sources of a recipe.

    in = out + dropped, where in and out count distinct documents; a source's weight repeats documents of the training
    part. `drops.json` holds the counts per source and filter, and the contaminated documents per task. Pieces of
    shards are filtered in parallel processes (`gmlm.corpus.workers`). Interrupted, the stage goes on with the pieces
    that it had not filtered, and writes the same bytes.

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
        pieces, parted = tee(_pieces(run, entries))
        parts = results_in_order(partial(select_candidates, selection=selection), pieces)
        for piece, part in zip(parted, parts, strict=True):
            found.append((piece.source, part))
            bar.advance(len(piece.rows))
    return found


def _pieces(run: StageRun, entries: list[tuple[str, FileEntry]]) -> Iterator[InputPiece]:
    """The shards in pieces, so that several processes have something to do even where there is one shard."""
    for number, (source, entry) in enumerate(entries):
        path = _local(run, run.inputs[source], entry)
        rows = range(pq.read_metadata(path).num_rows if entry.rows is None else entry.rows)
        for start in rows[::PIECE]:
            folder = part_folder(run, f"{number:06d}-{start // PIECE:03d}")
            yield InputPiece(source, path, entry.sha256, rows[start : start + PIECE], folder)


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
