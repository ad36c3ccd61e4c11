"""The stage `translate`: English documents to German ones, aligned segment by segment, shard by shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice

from gmlm.config import TranslateConfig
from gmlm.errors import EmptyCorpusError
from gmlm.manifest import FileEntry, Manifest
from gmlm.shards import DOCUMENT_SCHEMA, DOCUMENTS, Document, Quarantine, ShardWriter, read_documents, shard_entries
from gmlm.stage import StageRun
from gmlm.telemetry import Progress, progress
from gmlm.telemetry.metrics import observe_segments
from gmlm.translation.batching import translate_segments
from gmlm.translation.documents import ALIGNMENT_SCHEMA, TranslatedDocument, segments_of
from gmlm.translation.engines import Engine, TranslationModel, open_engine
from gmlm.translation.finished_shards import (
    FinishedShard,
    RejectedDocument,
    find_finished,
    mark_finished,
    remove_markers,
)
from gmlm.translation.quality import LengthLimits

ALIGNMENT = "alignment"
"""Folder of the alignment shards."""


def translate(config: TranslateConfig, run: StageRun) -> Manifest:
    """Publish the German documents with the layout of the English ones, and the alignment of their segments.

    Each shard is a pure function of its documents, so a run that was interrupted and went on gives the same bytes.

    Raises:
        EmptyCorpusError: No document is left after the quality filter.
    """
    source, worker = run.inputs["documents"], _ShardTranslator(config, run)
    quarantine, counts, files = Quarantine(run), Counter[str](), list[FileEntry]()
    total = sum(entry.rows or 0 for entry in shard_entries(source))
    number = -1
    with progress("Translate", total=total, unit="document") as bar:
        groups = _grouped(read_documents(run.store, source), config.translation.documents_per_shard)
        for number, documents in enumerate(groups):
            shard = worker.finished_or_translated(number, documents, bar)
            counts.update(shard.counts)
            files.extend(shard.files)
            for rejected in shard.rejected:
                quarantine.reject(**rejected.model_dump())
    files.extend(quarantine.write())
    _require_output(run, counts)
    counters = {**counts, **quarantine.counters()}
    manifest = run.publish("documents", config, files, counters=counters, metrics=_metrics(counts))
    remove_markers(run, number + 1)
    return manifest


class _ShardTranslator:
    """Translates groups of documents; the model is loaded only if there is a group left to translate."""

    def __init__(self, config: TranslateConfig, run: StageRun) -> None:
        self._config, self._run = config, run
        self._translator = run.inputs["translator"]
        self._limits = LengthLimits(config.translation.min_length_ratio, config.translation.max_length_ratio)

    @cached_property
    def _engine(self) -> Engine:
        return open_engine(TranslationModel.of(self._run, self._translator), self._config.decoding)

    def finished_or_translated(self, number: int, documents: Sequence[Document], bar: Progress) -> FinishedShard:
        """What the shard contributes: as an earlier run left it, or made now."""
        if (finished := find_finished(self._run, number)) is not None:
            bar.advance(len(documents))
            return finished
        translated = self._translate(documents, bar)
        kept = [each for each in translated if each.flagged_ratio <= self._config.translation.max_flagged_ratio]
        rejected = [each for each in translated if each.flagged_ratio > self._config.translation.max_flagged_ratio]
        counts = Counter[str]({"in": len(translated), "out": len(kept)})
        for each in translated:
            counts.update(each.counts())
        _observe(counts)
        shard = FinishedShard(
            fingerprint=self._run.fingerprint,
            files=tuple(self._write(number, kept)),
            counts=counts,
            rejected=tuple(self._rejection(each) for each in rejected),
        )
        return mark_finished(self._run, number, shard)

    def _translate(self, documents: Sequence[Document], bar: Progress) -> list[TranslatedDocument]:
        """Translate all segments of a group together: equal ones once, in batches by length."""
        engine = self._engine
        segmented = [segments_of(document, engine.source_limit, engine.lengths) for document in documents]
        texts = [piece.text for pieces in segmented for piece in pieces]
        shown = _DocumentsShown(bar, len(documents), len(texts))
        targets = iter(translate_segments(engine, texts, self._config.decoding.batch_tokens, shown.advance))
        shown.finish()
        return [
            TranslatedDocument.judge(document, pieces, list(islice(targets, len(pieces))), self._limits)
            for document, pieces in zip(documents, segmented, strict=True)
        ]

    def _write(self, number: int, kept: Sequence[TranslatedDocument]) -> Iterator[FileEntry]:
        german = (each.german(self._run.name, self._translator.name).row() for each in kept)
        aligned = (row for each in kept for row in each.alignment())
        for folder, schema, rows in ((DOCUMENTS, DOCUMENT_SCHEMA, german), (ALIGNMENT, ALIGNMENT_SCHEMA, aligned)):
            held = list(rows)
            writer = ShardWriter(self._run, schema, folder=folder, rows_per_shard=len(held) + 1, first_shard=number)
            for row in held:
                writer.write(row)
            writer.flush()
            yield from writer.entries

    def _rejection(self, translated: TranslatedDocument) -> RejectedDocument:
        document = translated.document
        return RejectedDocument(
            file=document.source, position=document.id, reason="too many flagged segments", record=document.text
        )


class _DocumentsShown:
    """Advances a bar of documents while segments, which do not come in the order of documents, are finished."""

    def __init__(self, bar: Progress, documents: int, segments: int) -> None:
        self._bar, self._documents, self._segments = bar, documents, segments
        self._done = self._shown = 0

    def advance(self, segments: int) -> None:
        self._done += segments
        self._show(self._documents * self._done // max(self._segments, 1))

    def finish(self) -> None:
        self._show(self._documents)

    def _show(self, documents: int) -> None:
        self._bar.show(segments=self._done)
        self._bar.advance(documents - self._shown)
        self._shown = documents


def _observe(counts: Counter[str]) -> None:
    observe_segments("translated", counts["translated"])
    observe_segments("copied", counts["segments"] - counts["translated"])
    observe_segments("flagged", counts["flagged"])


def _grouped(documents: Iterable[Document], size: int) -> Iterator[list[Document]]:
    iterator = iter(documents)
    while group := list(islice(iterator, size)):
        yield group


def _require_output(run: StageRun, counts: Counter[str]) -> None:
    if not counts["out"]:
        raise EmptyCorpusError(
            f"none of {counts['in']} documents is left after translation",
            where=f"{run.stage}/{run.name}",
            fix="look into quarantine.jsonl; try another translator or a higher 'max_flagged_ratio'",
        )


def _metrics(counts: Counter[str]) -> dict[str, float]:
    return {
        "flagged_ratio": counts["flagged"] / max(counts["translated"], 1),
        "length_ratio": counts["target_words"] / max(counts["source_words"], 1),
    }
