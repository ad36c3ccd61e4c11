"""Translates one shard of documents: segments, batches, checks, German documents and their alignment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice

import pyarrow as pa

from gmlm.config import TranslateConfig
from gmlm.manifest import FileEntry
from gmlm.shards import DOCUMENT_SCHEMA, DOCUMENTS, Document, ShardWriter
from gmlm.stage import StageRun
from gmlm.telemetry import Progress
from gmlm.telemetry.metrics import observe_flags, observe_segments, observe_translated_words
from gmlm.translation.batching import fold, segments_to_translate, translate_segments
from gmlm.translation.documents import ALIGNMENT_SCHEMA, SCORED_SCHEMA, TranslatedDocument, segments_of
from gmlm.translation.engines import Engine, TranslationModel, open_engine
from gmlm.translation.finished_shards import FinishedShard, RejectedDocument
from gmlm.translation.opinions import OpinionModels
from gmlm.translation.quality import LengthLimits, has_letters
from gmlm.translation.retry import retried
from gmlm.translation.reuse import remember
from gmlm.translation.saved_batches import SavedBatches
from gmlm.translation.segment_memory import SegmentMemory

ALIGNMENT = "alignment"
"""Folder of the alignment shards."""


class ShardTranslator:
    """Translates shards; the model is loaded with the first segment. A shard is a pure function of its documents."""

    def __init__(self, config: TranslateConfig, run: StageRun) -> None:
        self._config, self._run = config, run
        self._memory = SegmentMemory()
        self._translator = run.inputs["translator"]
        self._opinions = OpinionModels(config, run)
        self._scored = config.translation.quality is not None
        self._judge = TranslatedDocument.score if self._scored else TranslatedDocument.judge
        self._limits = LengthLimits(config.translation.min_length_ratio, config.translation.max_length_ratio)

    @cached_property
    def engine(self) -> Engine:
        """The translator's model."""
        return open_engine(TranslationModel.of(self._run, self._translator), self._config.decoding)

    def use(self, memory: SegmentMemory) -> None:
        """Take translations that are known ahead of the shards."""
        self._memory = memory

    def translate(
        self, number: int, documents: Sequence[Document], bar: Progress, check: Callable[[], None]
    ) -> FinishedShard:
        """Write the files of a shard and return what it contributes.

        Args:
            number: The shard.
            documents: Its documents.
            bar: Advanced by as many documents.
            check: Called ahead of each batch and of writing; raises where the work is no longer this worker's.
        """
        batches = SavedBatches(lambda: self.engine, self._run, f"{number:05d}", check)
        back = SavedBatches(lambda: self._opinions.back_engine, self._run, f"back-{number:05d}", check)
        translated = self._translate(documents, batches, back, bar)
        kept = [each for each in translated if each.flagged_ratio <= self._config.translation.max_flagged_ratio]
        rejected = [each for each in translated if each.flagged_ratio > self._config.translation.max_flagged_ratio]
        counts = Counter[str]({"in": len(translated), "out": len(kept)})
        for each in translated:
            counts.update(each.counts())
        check()
        shard = FinishedShard(
            fingerprint=self._run.fingerprint,
            files=tuple(self._write(number, kept)),
            counts=counts,
            rejected=tuple(_rejection(each) for each in rejected),
        )
        batches.forget()
        back.forget()
        _observe(counts)
        return shard

    def _translate(
        self, documents: Sequence[Document], engine: Engine, back: Engine, bar: Progress
    ) -> list[TranslatedDocument]:
        """Translate all segments of a shard together: equal ones once, in batches by length."""
        segmented = [segments_of(document, engine.source_limit, engine.lengths) for document in documents]
        texts = [piece.text for pieces in segmented for piece in pieces]
        shown = _DocumentsShown(bar, len(documents), len(texts))
        known = self._memory.lookup(segments_to_translate(texts))
        outputs = translate_segments(engine, texts, self._config.decoding.batch_tokens, shown.advance, known)
        shown.finish()
        self._remember(texts, outputs, known)
        improved = self._improved(texts, outputs, engine)
        opinions = {name: iter(values) for name, values in self._opinions.on(texts, improved, back).items()}
        targets, made = iter(improved), list[TranslatedDocument]()
        for document, pieces in zip(documents, segmented, strict=True):
            judged = self._judge(document, pieces, list(islice(targets, len(pieces))), self._limits)
            own = {name: list(islice(values, len(pieces))) for name, values in opinions.items()}
            made.append(replace(judged, opinions=own))
        return made

    def _improved(self, texts: Sequence[str], outputs: list[str], engine: Engine) -> list[str]:
        """The outputs, suspicious ones replaced where another way of decoding gave better ones."""
        quality = self._config.translation.quality
        if quality is None or quality.retry is None:
            return outputs
        return retried(engine, quality.retry, texts, outputs, self._config.decoding.batch_tokens, self._limits)

    def _remember(self, texts: Sequence[str], outputs: Sequence[str], known: Mapping[str, str]) -> None:
        """Keep what was translated here for later runs, where the study asks for it."""
        if self._config.translation.reuse == "store":
            pairs = ((fold(text), output) for text, output in zip(texts, outputs, strict=True) if has_letters(text))
            remember(self._config, self._run, {text: output for text, output in pairs if text not in known})

    def _write(self, number: int, kept: Sequence[TranslatedDocument]) -> Iterator[FileEntry]:
        german = (each.german(self._run.name, self._translator.name).row() for each in kept)
        aligned = (row for each in kept for row in each.alignment())
        alignment_schema = SCORED_SCHEMA if self._scored else ALIGNMENT_SCHEMA
        for name in self._opinions.names:
            alignment_schema = alignment_schema.append(pa.field(name, pa.float32()))
        for folder, schema, rows in ((DOCUMENTS, DOCUMENT_SCHEMA, german), (ALIGNMENT, alignment_schema, aligned)):
            held = list(rows)
            writer = ShardWriter(self._run, schema, folder=folder, rows_per_shard=len(held) + 1, first_shard=number)
            for row in held:
                writer.write(row)
            writer.flush()
            yield from writer.entries


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


def _rejection(translated: TranslatedDocument) -> RejectedDocument:
    document = translated.document
    return RejectedDocument(
        file=document.source, position=document.id, reason="too many flagged segments", record=document.text
    )


def _observe(counts: Counter[str]) -> None:
    observe_segments("translated", counts["translated"])
    observe_segments("copied", counts["segments"] - counts["translated"])
    observe_segments("flagged", counts["flagged"])
    observe_flags({key.removeprefix("flagged: "): n for key, n in counts.items() if key.startswith("flagged: ")})
    observe_translated_words(counts["source_words"], counts["target_words"])
