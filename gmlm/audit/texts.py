"""Reads the texts of an audit: a sample of training documents, the held-out ones, and the canaries."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from gmlm.manifest import Manifest, read_file
from gmlm.shards import DOCUMENTS, read_shards
from gmlm.storage import Store

HOLDOUT = "holdout"
"""Folder of a corpus that no model is trained on."""
CANARY_SOURCE = "canary"
"""Source of the planted documents, which are audited apart."""


@dataclass(frozen=True)
class Canary:
    """An invented text whose characters `start` to `end` are secret; `repeats` is 0 where it was not planted."""

    text: str
    start: int
    end: int
    repeats: int


def sample_texts(store: Store, corpora: Mapping[str, Manifest], folder: str, number: int) -> list[str]:
    """At most so many texts of one part of the corpora, each once, those of the smallest hashes; canaries left out."""
    hashed = ((blake2b(text.encode(), digest_size=8).digest(), text) for text in _texts(store, corpora, folder))
    return [text for _, text in heapq.nsmallest(number, dict(hashed).items())]


def _texts(store: Store, corpora: Mapping[str, Manifest], folder: str) -> Iterator[str]:
    for manifest in corpora.values():
        for table in read_shards(store, manifest, folder):
            rows = zip(table["source"].to_pylist(), table["text"].to_pylist(), strict=True)
            yield from (text for source, text in rows if source != CANARY_SOURCE)


def members_and_others(store: Store, corpora: Mapping[str, Manifest], number: int) -> tuple[list[str], list[str]]:
    """Texts that the model was trained on, and held-out texts of the same corpora, at most so many of each."""
    return sample_texts(store, corpora, DOCUMENTS, number), sample_texts(store, corpora, HOLDOUT, number)


def read_canaries(store: Store, corpora: Mapping[str, Manifest]) -> list[Canary]:
    """Planted canaries and controls of all corpora."""
    found: list[Canary] = []
    for manifest in corpora.values():
        if any(entry.path == "canaries.json" for entry in manifest.files):
            record: dict[str, Any] = json.loads(read_file(store, manifest, "canaries.json"))
            found += [Canary(**canary) for canary in record["planted"]]
            found += [Canary(**canary, repeats=0) for canary in record["controls"]]
    return found
