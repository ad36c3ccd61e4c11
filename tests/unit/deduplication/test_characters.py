"""Values of characters, and the word hash that is made of them, spelt out in whole numbers."""

from __future__ import annotations

import pytest

from gmlm.deduplication.characters import character_values
from gmlm.deduplication.word_hashes import word_hashes

WHOLE = 1 << 64


def mixed(value: int) -> int:
    """SplitMix64's finaliser, as published by Steele et al. (2014)."""
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % WHOLE
    value = (value ^ value >> 27) * 0x94D049BB133111EB % WHOLE
    return value ^ value >> 31


def hash_of(word: str) -> int:
    values = ((ord(letter) + 2) * 0xD6E8FEB86659FD93 for letter in word.casefold())
    return mixed(sum(value * 0x9E3779B97F4A7C15**place for place, value in enumerate(values)) % WHOLE)


@pytest.mark.parametrize("word", ["Fieber", "Straße", "ﬁbrosis", "Größe", "𝔸b", "5", "a_b"])
def test_a_word_has_the_hash_that_the_documents_promise(word):
    # Its neighbours choose the way in which characters are looked up.
    for texts in ([word], ["vor", f"{word} nach"], [f"𝔸 {word}"], ["ß", word]):
        assert hash_of(word) in word_hashes(texts).values.tolist()


def test_half_a_surrogate_pair_is_no_letter():
    values, ends = character_values(["a\ud800b", "\udc00"])
    assert values.tolist()[1::2] == [0, 0, 0]
    assert (values[0], values[2]) == tuple(character_values(["a b"])[0][[0, 2]])
    assert ends.tolist() == [4, 6]
