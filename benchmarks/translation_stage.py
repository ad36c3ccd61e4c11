"""The whole stage `translate` beside its engine alone, on the same segments in the same batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from gmlm.config import DecodingConfig, SourceConfig, TranslateConfig, TranslatorConfig
from gmlm.manifest import Manifest
from gmlm.shards import Document, write_documents
from gmlm.stage import StageRun
from gmlm.storage.local import LocalStore
from gmlm.translation.batching import batches_by_length, segments_to_translate
from gmlm.translation.documents import segments_of
from gmlm.translation.engines import TranslationModel, open_engine
from gmlm.translation.translate import translate

SENTENCES_PER_DOCUMENT, DOCUMENTS_PER_SHARD = 8, 50


def stage_beside_engine(folder: Path, scratch: Path, texts: Sequence[str]) -> dict[str, Callable[[], object]]:
    """`stage`: read, load, segment, translate, check, write. `engine`: load, and translate batches that lie ready."""
    decoding = DecodingConfig(device="cpu", max_length=32)
    store = LocalStore(scratch / "store")
    numbers = itertools.count(1)

    def run(stage: str, number: int, **inputs: Manifest) -> StageRun:
        work = scratch / "scratch" / f"{stage}{number}"
        work.mkdir(parents=True, exist_ok=True)
        return StageRun(stage, "x", store, f"{stage}/{number}", work, f"{number:064d}", 13, scratch, inputs)

    count = SENTENCES_PER_DOCUMENT
    documents = [Document(str(n), "x", "en", "\n".join(texts[n : n + count])) for n in range(0, len(texts), count)]
    ingest, translator = run("ingest", 0), run("translator", 0)
    entries = write_documents(ingest, iter(documents))
    source = ingest.publish("documents", SourceConfig(reader="text", path="x"), entries)
    model = translator.publish("model", TranslatorConfig(model="x"), translator.upload_folder(folder, "model"))
    settings = {"source": "x", "translator": "x", "max_flagged_ratio": 1.0, "documents_per_shard": DOCUMENTS_PER_SHARD}
    config = TranslateConfig(translation=settings, decoding=decoding)
    loaded = open_engine(TranslationModel.of(translator, model), decoding)  # converts
    loaded.translate(["Fever."])
    batches = [
        [pieces[position] for position in batch]
        for start in range(0, len(documents), DOCUMENTS_PER_SHARD)
        if (pieces := _pieces(documents[start : start + DOCUMENTS_PER_SHARD], loaded))
        for batch in batches_by_length(loaded.lengths(pieces), decoding.batch_tokens)
    ]

    def alone() -> None:
        engine = open_engine(TranslationModel.of(translator, model), decoding)
        for batch in batches:
            engine.translate(batch)

    return {
        "stage": lambda: translate(config, run("translate", next(numbers), documents=source, translator=model)),
        "engine": alone,
    }


def _pieces(documents: Sequence[Document], engine: object) -> list[str]:
    segmented = (segments_of(document, engine.source_limit, engine.lengths) for document in documents)
    return segments_to_translate(piece.text for pieces in segmented for piece in pieces)
