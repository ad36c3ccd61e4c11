"""Makes probes of texts: random masks of a document, single tokens of a secret, whole names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from gmlm.audit.names import names_in
from gmlm.audit.probes import Probe


class Prober:
    """Tokenises texts for one tokenizer and masks tokens of them; special and unknown tokens are never masked."""

    def __init__(self, tokenizer: Any, length: int) -> None:
        self._tokenizer, self._special, self._length = tokenizer, frozenset(tokenizer.all_special_ids), length

    def random(self, text: str, masks: int, rate: float) -> list[Probe]:
        """Probes with a share of the tokens masked, chosen by the text alone; none for a text without tokens."""
        ids, _ = self._encode(text)
        places = self._maskable(ids, range(len(ids)))
        if not places:
            return []
        generator = np.random.default_rng(int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big"))
        size = max(1, round(rate * len(places)))
        chosen = (generator.choice(places, size, replace=False) for _ in range(masks))
        return [Probe(ids, tuple(int(place) for place in np.sort(row))) for row in chosen]

    def single(self, text: str, start: int, end: int) -> list[Probe]:
        """A probe for each token of a stretch: its pseudo-likelihood (Salazar et al. 2020, arXiv 1910.14659)."""
        ids, offsets = self._encode(text)
        return [Probe(ids, (place,)) for place in self._maskable(ids, _within(offsets, start, end))]

    def names(self, text: str) -> list[Probe]:
        """A probe for each name in the text, with all of its tokens masked together."""
        ids, offsets = self._encode(text)
        found = (_within(offsets, start, end) for start, end in names_in(text))
        return [Probe(ids, tuple(places)) for places in found if places == self._maskable(ids, places) != []]

    def _encode(self, text: str) -> tuple[tuple[int, ...], Sequence[tuple[int, int]]]:
        encoded = self._tokenizer(text, truncation=True, max_length=self._length, return_offsets_mapping=True)
        return tuple(encoded["input_ids"]), encoded["offset_mapping"]

    def _maskable(self, ids: Sequence[int], places: Iterable[int]) -> list[int]:
        return [place for place in places if ids[place] not in self._special]


def _within(offsets: Sequence[tuple[int, int]], start: int, end: int) -> list[int]:
    """Tokens that share characters with a stretch of the text; special tokens have no characters."""
    return [place for place, (first, last) in enumerate(offsets) if first < last and first < end and last > start]
