"""Which segments of a translation are translated before its shards, as several shards share them, or are known already.

What is known is settled when the shards are planned: a segment's translation may depend on its batch in the last bit,
so what a worker found in the store must not depend on when it looked. Then every worker's shards have the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from gmlm.config import TranslateConfig
from gmlm.errors import AlreadyExistsError
from gmlm.manifest import fingerprint_of
from gmlm.shards import Document
from gmlm.stage import StageRun
from gmlm.translation.batching import segments_to_translate, translate_segments
from gmlm.translation.engines import Engine
from gmlm.translation.finished_shards import FOLDER
from gmlm.translation.segment_memory import SegmentMemory, memory_bytes, read_memory, segment_hashes
from gmlm.translation.segmentation import segment
from gmlm.translation.source_shards import SourceShards

PLAN = f"{FOLDER}/reuse.json"
KNOWN = f"{FOLDER}/known.parquet"
REPEATS = f"{FOLDER}/repeats"
REPEATS_PER_PART = 20_000
"""Segments that one worker translates at a time, before the shards."""
CACHE = "segments"
"""Folder of the store for translations of segments that outlive a run."""


class ReusePlan(BaseModel):
    """How many parts of shared segments there are, and whether some segments are known already."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parts: int
    known: int


def plan_reuse(config: TranslateConfig, run: StageRun, shards: SourceShards) -> ReusePlan:
    """Find shared and known segments, once for all workers; reads the source twice."""
    if run.store.exists(run.key(PLAN)):
        return read_plan(run)
    hashes = [np.unique(segment_hashes(_texts(shards.read(number)))) for number in range(len(shards))]
    everywhere, counts = np.unique(np.concatenate([np.empty(0, "<u8"), *hashes]), return_counts=True)
    known = _known(config, run, everywhere) if config.translation.reuse == "store" else SegmentMemory()
    shared = np.setdiff1d(everywhere[counts > 1], known.hashes)
    plan = ReusePlan(parts=_write_parts(run, shards, shared), known=len(known))
    try:
        run.store.create(run.key(PLAN), plan.model_dump_json().encode())
    except AlreadyExistsError:
        return read_plan(run)
    return plan


def read_plan(run: StageRun) -> ReusePlan:
    """What was planned."""
    return ReusePlan.model_validate_json(run.store.read(run.key(PLAN)))


def _texts(documents: Sequence[Document]) -> list[str]:
    return segments_to_translate(piece.text for document in documents for piece in segment(document.text, "en"))


def _write_parts(run: StageRun, shards: SourceShards, shared: np.ndarray) -> int:
    count = 0
    for texts in _parts(shards, shared):
        run.store.write(_source_key(run, count), memory_bytes(dict.fromkeys(texts, "")))
        count += 1
    return count


def _parts(shards: SourceShards, shared: np.ndarray) -> Iterator[list[str]]:
    """The texts of the shared segments, in the order in which the source brings them."""
    waiting, texts = np.ones(len(shared), dtype=bool), list[str]()
    for number in range(len(shards)):
        found = _texts(shards.read(number))
        for text, value in zip(found, segment_hashes(found), strict=True):
            place = np.searchsorted(shared, value)
            if place < len(shared) and shared[place] == value and waiting[place]:
                waiting[place] = False
                texts.append(text)
        while len(texts) >= REPEATS_PER_PART:
            yield texts[:REPEATS_PER_PART]
            texts = texts[REPEATS_PER_PART:]
    if texts:
        yield texts


def _known(config: TranslateConfig, run: StageRun, hashes: np.ndarray) -> SegmentMemory:
    """What earlier runs with the same model and decoding left, as far as this source needs it; kept for the workers."""
    parts = list(run.store.list(cache_folder(config, run)))
    memory = SegmentMemory(read_memory(run.store, key, only=hashes) for key in parts)
    run.store.write(run.key(KNOWN), memory.to_bytes())
    return memory


def cache_folder(config: TranslateConfig, run: StageRun) -> str:
    """Where the store keeps translations by this model with this decoding."""
    model = [(file.path, file.sha256) for file in run.inputs["translator"].files]
    decoding = config.decoding.model_dump(mode="json", exclude={"batch_tokens", "device"})
    return f"{CACHE}/{fingerprint_of({'model': model, 'decoding': decoding})[:16]}"


@dataclass(frozen=True)
class SharedSegments:
    """The parts of shared segments: translated by workers before they turn to shards."""

    config: TranslateConfig
    run: StageRun

    def finished(self) -> set[int]:
        """Numbers of the parts that are translated."""
        return {int(key[-13:-8]) for key in self.run.store.list(self.run.key(f"{REPEATS}/targets"))}

    def is_finished(self, number: int) -> bool:
        """Whether a part is translated."""
        return self.run.store.exists(_target_key(self.run, number))

    def translate(self, number: int, engine: Engine, check: Callable[[], None]) -> None:
        """Translate a part; segments that the model cannot take whole are left to their shards."""
        texts = read_memory(self.run.store, _source_key(self.run, number)).column("source").to_pylist()
        fitting = [
            text for text, length in zip(texts, engine.lengths(texts), strict=True) if length <= engine.source_limit
        ]
        budget = self.config.decoding.batch_tokens
        targets = translate_segments(engine, fitting, budget, lambda count: None)
        check()
        data = remember(self.config, self.run, dict(zip(fitting, targets, strict=True)))
        self.run.store.write(_target_key(self.run, number), data)

    def memory(self, plan: ReusePlan) -> SegmentMemory:
        """All that is known ahead of the shards, once every part is translated."""
        known = [read_memory(self.run.store, self.run.key(KNOWN))] if plan.known else []
        parts = (read_memory(self.run.store, _target_key(self.run, number)) for number in range(plan.parts))
        return SegmentMemory([*known, *parts])


def remember(config: TranslateConfig, run: StageRun, translations: dict[str, str]) -> bytes:
    """The translations as bytes, kept for later runs where the study asks for it, under the hash of their content."""
    data = memory_bytes(translations)
    if translations and config.translation.reuse == "store":
        run.store.write(f"{cache_folder(config, run)}/{hashlib.sha256(data).hexdigest()[:32]}.parquet", data)
    return data


def _source_key(run: StageRun, number: int) -> str:
    return run.key(f"{REPEATS}/sources/{number:05d}.parquet")


def _target_key(run: StageRun, number: int) -> str:
    return run.key(f"{REPEATS}/targets/{number:05d}.parquet")
