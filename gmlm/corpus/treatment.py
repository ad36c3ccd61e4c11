"""The treatment stage: a corpus with canaries planted in it, or with its words shuffled, for experiments on models."""

from __future__ import annotations

from gmlm.config.corpora import CanaryConfig, TreatmentConfig
from gmlm.corpus.canaries import canaries_json, canary_documents, make_canaries
from gmlm.corpus.shuffling import ShufflingWriter
from gmlm.manifest import FileEntry, Manifest
from gmlm.shards import DOCUMENTS, ShardWriter, read_shard, shard_entries
from gmlm.stage import StageRun
from gmlm.telemetry import progress

PARTS = (DOCUMENTS, "holdout")
"""Folders of a corpus; each is treated by itself, and only the first gets canaries."""
Writer = ShardWriter | ShufflingWriter
"""What takes the documents of a part."""


def treat_corpus(config: TreatmentConfig, run: StageRun) -> Manifest:
    """Copy the input `corpus` with its words shuffled, then plant canaries among its training documents.

    Canaries are in no count of documents; `canaries.json` holds them, with controls that were not planted.
    Interrupted, the stage starts again and writes the same bytes.
    """
    files: list[FileEntry] = []
    for part in PARTS:
        writer = _writer(part, config, run)
        _copy(part, run, writer)
        if part == DOCUMENTS and config.canaries is not None:
            files.append(_plant(config.canaries, run, writer))
        writer.flush()
        files += writer.entries
    rows = sum(entry.rows or 0 for part in PARTS for entry in shard_entries(run.inputs["corpus"], part))
    return run.publish("documents", config, files, counters={"in": rows, "out": rows, "rejected": 0})


def _writer(part: str, config: TreatmentConfig, run: StageRun) -> Writer:
    writer = ShardWriter(run, folder=part, rows_per_shard=config.documents_per_shard)
    return writer if config.shuffle_words == "none" else ShufflingWriter(writer, config.shuffle_words, run.seed)


def _copy(part: str, run: StageRun, writer: Writer) -> None:
    corpus = run.inputs["corpus"]
    entries = shard_entries(corpus, part)
    with progress(f"{run.name}: {part}", total=sum(entry.rows or 0 for entry in entries), unit="documents") as bar:
        for entry in entries:
            for row in read_shard(run.store, corpus, entry).to_pylist():
                writer.write(row)
                bar.advance()


def _plant(config: CanaryConfig, run: StageRun, writer: Writer) -> FileEntry:
    planted, controls = make_canaries(config, run.seed)
    for document in canary_documents(planted):
        writer.write(document.row())
    return run.write("canaries.json", canaries_json(planted, controls))
