"""Corpus with two processes beside one: ingest and build of the same documents, by the clock, on two idle cores.

The figure is the speed-up; the corpus must be the same, byte for byte. Generated documents as in `corpus_scale.py`.
"""

from __future__ import annotations

import statistics

from corpus_scale import in_own_process
from record import finish

GOAL, ROUNDS, DOCUMENTS, PROCESSES = 1.7, 2, 400_000, 2


def main() -> None:
    seconds: dict[int, list[float]] = {1: [], PROCESSES: []}
    hashes = set()
    for _ in range(ROUNDS):
        for workers, taken in seconds.items():
            *_, whole = in_own_process(DOCUMENTS, GMLM_WORKERS=str(workers), OMP_NUM_THREADS="1")
            taken.append(whole["seconds"])
            hashes.add(tuple(whole["sha256"]))
            print(f"{workers} processes: {taken[-1]:.1f} s", flush=True)
    assert len(hashes) == 1
    median = {workers: statistics.median(taken) for workers, taken in seconds.items()}
    figures = {f"documents/s, {workers} processes": DOCUMENTS / taken for workers, taken in median.items()}
    settings = {"documents": DOCUMENTS, "rounds": ROUNDS}
    finish("corpus_workers", figure=median[1] / median[PROCESSES], goal=GOAL, figures=figures, settings=settings)


if __name__ == "__main__":
    main()
