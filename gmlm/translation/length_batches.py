"""Training batches of similar length: a pure function of (seed, step), so that resuming needs a step number only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from gmlm.training import Batch

IGNORED = -100
"""Label of padding."""


class TokenPair(NamedTuple):
    """Source and target as token numbers, each ending with the end of sequence."""

    source: list[int]
    target: list[int]


class LengthBatches:
    """Batches of at most `budget` tokens on either side, padding included.

    Pairs are ordered by length, ties at random, and cut into batches that come in random order; each epoch anew.
    """

    def __init__(self, pairs: Sequence[TokenPair], budget: int, *, pad: int, seed: int) -> None:
        self._pairs, self._pad, self._seed = pairs, pad, seed
        self._lengths = np.array([max(len(pair.source), len(pair.target)) for pair in pairs])
        self._cuts = _cuts(np.sort(self._lengths), budget)
        self._plan = lru_cache(maxsize=2)(self._plan_epoch)

    @property
    def per_epoch(self) -> int:
        """Batches of one pass over the pairs."""
        return len(self._cuts) - 1

    def __call__(self, step: int) -> list[Batch]:
        """The one batch of a step."""
        epoch, position = divmod(step, self.per_epoch)
        members = self._plan(epoch)[position]
        return [collate([self._pairs[index] for index in members], self._pad)]

    def _plan_epoch(self, epoch: int) -> list[list[int]]:
        random = np.random.default_rng([self._seed, epoch])
        shuffled = random.permutation(len(self._pairs))
        ordered = shuffled[np.argsort(self._lengths[shuffled], kind="stable")]
        batches = [part.tolist() for part in np.split(ordered, self._cuts[1:-1])]
        return [batches[index] for index in random.permutation(len(batches))]


def _cuts(lengths: np.ndarray, budget: int) -> list[int]:
    """Where ascending lengths are cut so that the size of a batch times its longest member stays within the budget."""
    cuts, start = [0], 0
    for index, length in enumerate(lengths.tolist()):
        if index > start and length * (index - start + 1) > budget:
            cuts.append(index)
            start = index
    return [*cuts, len(lengths)]


def collate(pairs: Sequence[TokenPair], pad: int) -> Batch:
    """Padded tensors of shape (pairs, length). The decoder reads the target shifted right, beginning with padding."""
    source = _padded([pair.source for pair in pairs], pad)
    return {
        "input_ids": source,
        "attention_mask": _padded([[1] * len(pair.source) for pair in pairs], 0),
        "decoder_input_ids": _padded([[pad, *pair.target[:-1]] for pair in pairs], pad),
        "labels": _padded([pair.target for pair in pairs], IGNORED),
    }


def _padded(rows: Sequence[list[int]], value: int) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [value] * (width - len(row)) for row in rows])
