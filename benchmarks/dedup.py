"""Near-duplicate removal: documents/s and recall on planted copies, beside datasketch (MinHash and LSH).

All see the same texts, 5-grams of the same words, 128 permutations and 16 bands of 8. datasketch runs with its default
hash and with xxHash, which is faster; the figure is the ratio to the faster of the two.
"""

from __future__ import annotations

import random
import re
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
from record import finish

from gmlm.corpus.candidates import DOCUMENTS_AT_ONCE
from gmlm.deduplication.groups import connected_to_earlier
from gmlm.deduplication.minhash import BANDS, PERMUTATIONS, ROWS, band_hashes, signatures

GOAL, ROUNDS = 15.0, 3
DOCUMENTS, COPIES, SHINGLE = 20_000, 3_000, 5
EDITS = (0.0, 0.02, 0.05, 0.1)
"""Shares of the words of a copy that are replaced."""
RANGES = ((0.9, 1.01), (0.7, 0.9), (0.5, 0.7), (0.0, 0.5))
_WORD = re.compile(r"\w+")

Dropped = Sequence[bool]


def planted(seed: int = 13) -> tuple[list[str], list[int]]:
    """Texts of about 68 words, and for each the number of the text that it is a copy of, or -1."""
    choose = random.Random(seed)
    letters = "eeeeeeeeenniiiisssrrraaatttddhhuullccggmmoobwfkzpvüäöß"  # about as often as in German
    words = ["".join(choose.choices(letters, k=choose.randint(2, 12))) for _ in range(20_000)]
    weights = [1 / (rank + 10) for rank in range(len(words))]
    originals = DOCUMENTS - COPIES
    texts = [choose.choices(words, weights, k=max(12, int(choose.lognormvariate(4.1, 0.5)))) for _ in range(originals)]
    copied = [choose.randrange(originals) for _ in range(COPIES)]
    for number, original in enumerate(copied):
        share = EDITS[number % len(EDITS)]
        texts.append([choose.choice(words) if choose.random() < share else word for word in texts[original]])
    return [" ".join(text) for text in texts], [-1] * originals + copied


def ours(texts: Sequence[str]) -> Dropped:
    batches = [texts[start : start + DOCUMENTS_AT_ONCE] for start in range(0, len(texts), DOCUMENTS_AT_ONCE)]
    bands = np.concatenate([band_hashes(signatures(batch)) for batch in batches], axis=1)
    return connected_to_earlier(bands, len(texts)).tolist()


def datasketch(hashfunc: Callable[[bytes], int] | None) -> Callable[[Sequence[str]], Dropped]:
    """Drops what the index holds something similar to when it is added."""
    from datasketch import MinHash, MinHashLSH

    def run(texts: Sequence[str]) -> Dropped:
        index = MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, ROWS))
        dropped = []
        shingled = ([" ".join(shingle).encode() for shingle in shingles(text)] for text in texts)
        for number, found in enumerate(MinHash.generator(shingled, num_perm=PERMUTATIONS, hashfunc=hashfunc)):
            dropped.append(bool(index.query(found)))
            index.insert(number, found, check_duplication=False)
        return dropped

    return run


def shingles(text: str) -> list[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return list(zip(*(words[start:] for start in range(SHINGLE)), strict=False)) or [tuple(words)]


def recall(texts: Sequence[str], copied: Sequence[int], dropped: Dropped) -> dict[str, float]:
    """Share of the planted copies that are dropped, by Jaccard similarity to their original."""
    found: dict[tuple[float, float], list[bool]] = {bounds: [] for bounds in RANGES}
    for number, original in enumerate(copied):
        if original >= 0:
            one, other = set(shingles(texts[number])), set(shingles(texts[original]))
            similarity = len(one & other) / len(one | other)
            bounds = next(bounds for bounds in RANGES if bounds[0] <= similarity < bounds[1])
            found[bounds].append(dropped[number])
    shares = {f"{low} to {min(high, 1.0)}": statistics.mean(values) for (low, high), values in found.items()}
    wrong = sum(drop for drop, original in zip(dropped, copied, strict=True) if original < 0)
    return shares | {"of documents without a copy": wrong / (len(texts) - COPIES)}


def main() -> None:
    import xxhash

    texts, copied = planted()
    methods = {"gmlm": ours, "datasketch": datasketch(None), "datasketch, xxHash": datasketch(xxhash.xxh32_intdigest)}
    rates: dict[str, list[float]] = {name: [] for name in methods}
    results: dict[str, Dropped] = {}
    ours(texts[:1000])  # tables and permutations are made once a process
    for _ in range(ROUNDS):
        for name, method in methods.items():
            started = time.process_time()
            results[name] = method(texts)
            rates[name].append(len(texts) / (time.process_time() - started))
    figures = {f"documents/s, {name}": statistics.median(values) for name, values in rates.items()}
    for name, dropped in results.items():
        figures |= {f"recall, {name}, {key}": value for key, value in recall(texts, copied, dropped).items()}
    for name, value in figures.items():
        print(f"{name}: {value:.5g}")
    peer = max(figures["documents/s, datasketch"], figures["documents/s, datasketch, xxHash"])
    settings = {"documents": DOCUMENTS, "copies": COPIES, "rounds": ROUNDS, "bands": BANDS, "rows": ROWS}
    finish("dedup", figure=figures["documents/s, gmlm"] / peer, goal=GOAL, figures=figures, settings=settings)


if __name__ == "__main__":
    main()
