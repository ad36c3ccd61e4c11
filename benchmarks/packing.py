"""How full rows are, and how fast they are packed, beside padding each batch to its longest document.

The figure is the fill in percent for clinical lengths (log-normal, mean 81 tokens) in rows of 512. Documents per second
are of process CPU time, with cutting into segments and the epoch's shuffling.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import time

import numpy as np
from record import finish

from gmlm.pretraining.packing import SPECIAL_TOKENS, Indices, Rows, cut_segments, pack_rows

GOAL = 99.0
DOCUMENTS, LENGTH, BATCH, ROUNDS = 1_000_000, 512, 32, 5


def lengths() -> Indices:
    """Tokens of each document."""
    drawn = np.exp(np.random.default_rng(0).normal(4.08, 0.8, DOCUMENTS))
    return np.clip(drawn, 4, 20 * LENGTH).astype(np.int64)


def packed(offsets: Indices, epoch: int) -> tuple[float, Rows, Indices]:
    """Documents per CPU-second, and the rows of segments with these lengths."""
    started = time.process_time()
    segments = cut_segments(offsets, LENGTH)
    rows = pack_rows(segments.lengths, LENGTH, seed=1, epoch=epoch)
    return DOCUMENTS / (time.process_time() - started), rows, segments.lengths


def padded_fill(sizes: Indices) -> float:
    """Share of real tokens where batches of rows are padded to their longest, as the Trainer does by default."""
    shuffled = np.random.default_rng(1).permutation(np.minimum(sizes, LENGTH))
    batches = shuffled[: len(shuffled) // BATCH * BATCH].reshape(-1, BATCH)
    return float(batches.sum() / (batches.max(axis=1) * BATCH).sum())


def main() -> None:
    documents = lengths()
    offsets = np.concatenate([[0], np.cumsum(documents)])
    speeds = []
    for epoch in range(ROUNDS):
        speed, rows, segments = packed(offsets, epoch)
        speeds.append(speed)
    sizes = segments + SPECIAL_TOKENS
    assert len(np.unique(rows.segments)) == len(segments), "each segment lies in one row"
    fill = 100 * float(sizes.sum()) / (len(rows) * LENGTH)
    finish(
        "packing",
        figure=fill,
        goal=GOAL,
        figures={
            "fill percent": fill,
            "documents/s": statistics.median(speeds),
            "goal documents/s": 500_000.0,
            f"fill percent of dynamic padding, batches of {BATCH}": 100 * padded_fill(documents + SPECIAL_TOKENS),
            "fill percent of padding to the row": 100 * float(np.minimum(sizes, LENGTH).mean() / LENGTH),
        },
        settings={"documents": DOCUMENTS, "row": LENGTH, "rounds": ROUNDS, "threads": 1},
    )


if __name__ == "__main__":
    main()
