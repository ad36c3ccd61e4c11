"""The batch of a step as a pure function of (seed, step), for any number of ranks."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from gmlm.errors import ConfigError
from gmlm.pretraining.masking import FILLING, Array, Masking, Replacement, Vocabulary, mask_tokens, uniform
from gmlm.pretraining.packing import (
    SPECIAL_TOKENS,
    Indices,
    Rows,
    Segments,
    cut_segments,
    one_segment_per_row,
    pack_rows,
)
from gmlm.pretraining.tokens import TokenCorpus
from gmlm.training import Batch
from gmlm.training.interface import WEIGHT

SOURCES = "sources"
"""Key of a batch: the source of each target by number, where the corpus knows it."""
DRAWS = "draws"
"""Key of a batch for replaced-token detection: a number in [0, 1) for each target, which the generator samples by."""
MIN_FILL = 0.75
"""Rows within a micro-batch are at least this share as long as its longest one."""


@dataclass(frozen=True)
class BatchSettings:
    """What the batches of a phase depend on, beside the corpus and the vocabulary.

    Attributes:
        sequence_length: Longest row in tokens.
        batch_tokens: Tokens of a step over all ranks.
        micro_batch_tokens: Tokens of one forward pass on one rank.
        packed: Whether segments share rows of full length, or each has a row of its own.
        mask_rate: Share of tokens to predict, at the first step.
        masking: Unit that is masked.
        seed: Of order, packing and masking.
        rank: Of this process.
        world_size: Number of processes.
        replacement: What becomes of the tokens to predict.
        detects: Whether a discriminator looks at what a generator has filled in.
    """

    sequence_length: int
    batch_tokens: int
    micro_batch_tokens: int
    packed: bool
    mask_rate: float
    masking: Masking
    seed: int
    rank: int = 0
    world_size: int = 1
    replacement: Replacement = "80-10-10"
    detects: bool = False


class MaskedBatches:
    """Micro-batches by step. Rows run on from epoch to epoch, so every step has the same number of them."""

    def __init__(self, corpus: TokenCorpus, vocabulary: Vocabulary, settings: BatchSettings) -> None:
        self._ids, self._vocabulary, self._settings = corpus.ids, vocabulary, settings
        self._segments: Segments = cut_segments(corpus.offsets, settings.sequence_length)
        self._sources = _sources_of(corpus, self._segments)
        self._epoch = lru_cache(maxsize=2)(self._plan)
        self.rows_per_epoch = len(self._epoch(0))
        self.rows_per_step = self._rows_per_step()
        self._last_rate, self._steps = settings.mask_rate, 1

    def schedule_mask_rate(self, last: float, steps: int) -> None:
        """Let the mask rate move linearly from that of the first step to `last` at the last of so many."""
        self._last_rate, self._steps = last, steps

    def halved(self) -> MaskedBatches | None:
        """The same steps in micro-batches of half as many tokens; None where they hold one row each already."""
        half = self._settings.micro_batch_tokens // 2
        if half < self._settings.sequence_length:
            return None
        smaller = copy.copy(self)
        smaller._settings = replace(self._settings, micro_batch_tokens=half)
        return smaller

    def mask_rate(self, step: int) -> float:
        """The mask rate of a step."""
        first, share = self._settings.mask_rate, min(1.0, step / max(1, self._steps - 1))
        return first + (self._last_rate - first) * share

    def steps_of(self, epochs: float) -> int:
        """Steps that see every row `epochs` times."""
        return max(1, math.ceil(epochs * self.rows_per_epoch / self.rows_per_step))

    def tokens_seen(self, steps: int) -> int:
        """Tokens, special ones included and padding not, of the first steps over all ranks."""
        epochs, rest = divmod(steps * self.rows_per_step, self.rows_per_epoch)
        sizes = self._segments.lengths + SPECIAL_TOKENS
        plan = self._epoch(epochs)
        return int(epochs * sizes.sum() + sizes[plan.segments[: plan.offsets[rest]]].sum())

    def __call__(self, step: int) -> Sequence[Batch]:
        """The micro-batches of a step on this rank, longest rows first."""
        first = step * self.rows_per_step
        return list(self._micro_batches(step, range(first, first + self.rows_per_step)))

    def one_pass(self) -> Iterator[Batch]:
        """Every row of the first epoch once, for evaluation; the last step is as short as it comes out."""
        for step, first in enumerate(range(0, self.rows_per_epoch, self.rows_per_step)):
            yield from self._micro_batches(step, range(first, min(first + self.rows_per_step, self.rows_per_epoch)))

    def _micro_batches(self, step: int, numbers: range) -> Iterator[Batch]:
        """The micro-batches, on this rank, of the rows with these numbers."""
        rows = [self._row(number) for number in numbers]
        widths = np.array([self._width(row) for row in rows])
        order = np.argsort(-widths, kind="stable")
        for group in self._groups(widths[order]):
            mine = order[group][self._settings.rank :: self._settings.world_size]
            yield self._batch([rows[index] for index in mine], mine, int(widths[mine].max()), step)

    def _plan(self, epoch: int) -> Rows:
        lengths, settings = self._segments.lengths, self._settings
        if settings.packed:
            return pack_rows(lengths, settings.sequence_length, seed=settings.seed, epoch=epoch)
        return one_segment_per_row(lengths, seed=settings.seed, epoch=epoch)

    def _rows_per_step(self) -> int:
        settings = self._settings
        if settings.packed:
            rows = settings.batch_tokens // settings.sequence_length
            if rows % settings.world_size:
                raise ConfigError(
                    f"the {rows} rows of a step cannot be shared by {settings.world_size} workers",
                    where="batch_tokens",
                    fix="make it a multiple of sequence_length times the number of workers",
                )
            return rows
        mean = float((self._segments.lengths + SPECIAL_TOKENS).mean())
        return max(1, round(settings.batch_tokens / mean / settings.world_size)) * settings.world_size

    def _row(self, number: int) -> Indices:
        """The segments of a row; rows are numbered through all epochs."""
        epoch, row = divmod(number, self.rows_per_epoch)
        plan = self._epoch(epoch)
        return plan.segments[plan.offsets[row] : plan.offsets[row + 1]]

    def _width(self, row: Indices) -> int:
        settings = self._settings
        return settings.sequence_length if settings.packed else int(self._segments.lengths[row[0]]) + SPECIAL_TOKENS

    def _groups(self, widths: Array) -> Iterator[slice]:
        """Runs of rows for one forward pass over all ranks: within the token limit and of similar length.

        Each run is a multiple of the world size, so that all ranks have equally many micro-batches.
        """
        start, size = 0, self._settings.world_size
        while start < len(widths):
            limit = max(1, self._settings.micro_batch_tokens // int(widths[start])) * size
            similar = int((widths[start:] >= MIN_FILL * widths[start]).sum())
            stop = start + max(size, min(limit, similar // size * size))
            yield slice(start, stop)
            start = stop

    def _batch(self, rows: list[Indices], numbers: Array, width: int, step: int) -> Batch:
        """The documents of some rows as one stream, longest first, with places to predict."""
        ids, places, sizes, segments = self._filled(rows, width)
        settings = self._settings
        numbered = numbers[:, None] * settings.sequence_length + np.arange(width)
        masked = mask_tokens(
            ids,
            ~self._vocabulary.special[ids],
            numbered,
            self._vocabulary,
            rate=self.mask_rate(step),
            masking=settings.masking,
            seed=settings.seed,
            step=step,
            replacement=settings.replacement,
        )
        targets = np.flatnonzero(masked.chosen.reshape(-1)[places])
        batch = {
            "input_ids": torch.from_numpy(masked.input_ids.reshape(-1)[places]),
            "lengths": torch.from_numpy(sizes),
            "targets": torch.from_numpy(targets),
            "labels": torch.from_numpy(ids.reshape(-1)[places[targets]]),
            WEIGHT: torch.tensor(float(len(targets))),
        }
        if settings.detects:
            draws = uniform(settings.seed, step, FILLING, numbered.reshape(-1)[places[targets]])
            # The generator's loss is a mean over targets, all that tells of the discriminator one over tokens.
            batch |= {DRAWS: torch.from_numpy(draws), WEIGHT: torch.tensor([len(targets), *[len(places)] * 3]).float()}
        if self._sources is not None:
            of_target = segments[np.searchsorted(np.cumsum(sizes), targets, side="right")]
            batch[SOURCES] = torch.from_numpy(self._sources[of_target])
        return batch

    def _filled(self, rows: list[Indices], width: int) -> tuple[Array, Array, Array, Array]:
        """Ids (rows, width), the place of each token in them by document, and the documents' sizes and numbers."""
        counts = np.array([len(row) for row in rows])
        segments = np.concatenate(rows)
        sizes = self._segments.lengths[segments] + SPECIAL_TOKENS
        before = np.cumsum(sizes) - sizes
        # Where each segment begins: behind those before it in its row.
        first_of_row = np.repeat(before[np.cumsum(counts) - counts], counts)
        begins = np.repeat(np.arange(len(rows)), counts) * width + before - first_of_row

        order = np.argsort(-sizes, kind="stable")
        segments, sizes, begins = segments[order], sizes[order], begins[order]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        places = np.repeat(begins, sizes) + within
        text = (within > 0) & (within < np.repeat(sizes, sizes) - 1)
        source = np.repeat(self._segments.starts[segments] - 1, sizes) + within
        ids = np.full(len(rows) * width, self._vocabulary.pad, np.int64)
        ids[places[text]] = self._ids[source[text]]
        ids[begins], ids[begins + sizes - 1] = self._vocabulary.cls, self._vocabulary.sep
        return ids.reshape(len(rows), width), places, sizes, segments


def _sources_of(corpus: TokenCorpus, segments: Segments) -> Array | None:
    """The source of each segment, by number."""
    if corpus.source_of is None:
        return None
    return np.asarray(corpus.source_of[np.searchsorted(corpus.offsets, segments.starts, side="right") - 1])
