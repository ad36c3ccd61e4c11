"""Canaries: invented secrets planted in a corpus to measure memorisation (Carlini et al. 2019, arXiv 1802.08232).

Planted canaries and controls are drawn from one distribution, so a model that tells them apart has remembered: nothing
else makes them different (Zhang et al. 2024, arXiv 2409.19798, on why this is sound where real documents are not).
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from gmlm.config.corpora import CanaryConfig
from gmlm.shards import Document

SOURCE = "canary"
"""Source of the planted documents."""
_BEGINNINGS = ("Al", "Ber", "Cor", "Dan", "El", "Fro", "Ge", "Hin", "Il", "Jor", "Kar", "Lu", "Mer", "Nor", "Os", "Per")
_ENDINGS = (
    "bin",
    "dert",
    "fried",
    "gard",
    "helm",
    "kamp",
    "linde",
    "mann",
    "nold",
    "ric",
    "sen",
    "thal",
    "wein",
    "ziel",
)
_DAYS = 25_000
"""Birthdays are drawn from so many days from 1930 on."""


@dataclass(frozen=True)
class Canary:
    """A text with a secret: characters `start` to `end`, which hold a name, a birthday and a case number."""

    text: str
    start: int
    end: int


def make_canaries(config: CanaryConfig, seed: int) -> tuple[list[tuple[Canary, int]], list[Canary]]:
    """The canaries to plant, each with its number of repeats, and the controls; all texts differ."""
    generator = random.Random(f"canaries/{seed}")
    canaries = list(_different(generator, config.number * len(config.repeats) + config.controls))
    planted = [(canaries.pop(), repeats) for repeats in config.repeats for _ in range(config.number)]
    return planted, canaries


def _different(generator: random.Random, number: int) -> Iterator[Canary]:
    seen = set[str]()
    while len(seen) < number:
        canary = _draw(generator)
        if canary.text not in seen:
            seen.add(canary.text)
            yield canary


def _draw(generator: random.Random) -> Canary:
    first, last = (generator.choice(_BEGINNINGS) + generator.choice(_ENDINGS) for _ in range(2))
    born = date(1930, 1, 1) + timedelta(days=generator.randrange(_DAYS))
    secret = f"{first} {last}, geboren am {born:%d.%m.%Y}, Fallnummer {generator.randrange(10**8):08d}"
    before = "Wir berichten über Herrn "
    return Canary(f"{before}{secret}, der in unserer Klinik behandelt wurde.", len(before), len(before) + len(secret))


def canary_documents(planted: list[tuple[Canary, int]]) -> Iterator[Document]:
    """One document for each repeat of each planted canary."""
    for number, (canary, repeats) in enumerate(planted):
        for copy in range(1, repeats + 1):
            suffix = f"#copy{copy}" if copy > 1 else ""
            yield Document(f"{number:05d}{suffix}", SOURCE, "de", canary.text)


def canaries_json(planted: list[tuple[Canary, int]], controls: list[Canary]) -> bytes:
    """`canaries.json`: what an audit needs, `planted` with their repeats and `controls`."""
    record = {
        "planted": [{**vars(canary), "repeats": repeats} for canary, repeats in planted],
        "controls": [vars(canary) for canary in controls],
    }
    return (json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
