"""Decides over all candidates of a corpus which are taken: duplicates and contaminated ones are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from gmlm.config.corpora import RecipeConfig
from gmlm.corpus.parts import Part
from gmlm.deduplication.groups import Mask, connected_to_earlier, later_occurrences
from gmlm.deduplication.minhash import BANDS

TAKEN, DUPLICATE, NEAR_DUPLICATE, CONTAMINATED = range(4)
REASONS = {DUPLICATE: "duplicate", NEAR_DUPLICATE: "near duplicate", CONTAMINATED: "contaminated"}
"""Why candidates are dropped, by their fate, in the order in which it is looked at."""


def reasons(config: RecipeConfig) -> list[str]:
    """The reasons that a recipe can have to drop candidates."""
    wanted = {
        DUPLICATE: config.deduplicate != "none",
        NEAR_DUPLICATE: config.deduplicate == "near",
        CONTAMINATED: config.decontaminate,
    }
    return [reason for fate, reason in REASONS.items() if wanted[fate]]


@dataclass(frozen=True)
class Decided:
    """The fate of each row of each part, and how many contaminated documents each task has."""

    fates: list[npt.NDArray[np.uint8]]
    contaminated: Counter[str]


def decide(parts: Sequence[Part], config: RecipeConfig) -> Decided:
    """Give every candidate its fate; of equal or nearly equal ones the first is taken.

    Memory is some bytes a document: near-duplicates are looked for one band at a time.
    """
    starts = np.cumsum([0, *(len(part.array("characters")) for part in parts)])
    fates = np.zeros(starts[-1], np.uint8)
    if config.deduplicate != "none":
        fates[later_occurrences([part.array("digests") for part in parts])] = DUPLICATE
    if config.deduplicate == "near":
        left = np.flatnonzero(fates == TAKEN)
        fates[left[_near_duplicates(parts, fates == TAKEN)]] = NEAR_DUPLICATE
    contaminated = Counter[str]()
    for start, part in zip(starts, parts, strict=False):
        names, hits = part.summary()["tasks"], part.array("hits")
        hits = hits[fates[start + hits[:, 0]] == TAKEN]
        contaminated.update({names[task]: int(number) for task, number in enumerate(np.bincount(hits[:, 1])) if number})
        fates[start + hits[:, 0]] = CONTAMINATED
    return Decided([fates[first:last] for first, last in pairwise(starts)], contaminated)


def _near_duplicates(parts: Sequence[Part], among: Mask) -> Mask:
    filled = [part for part in parts if len(part.array("characters"))]
    bands = (np.concatenate([part.array("bands")[band] for part in filled])[among] for band in range(BANDS))
    return connected_to_earlier(bands if filled else (), int(among.sum()))
