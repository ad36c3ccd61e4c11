"""Hashes of words and n-grams agree with the words themselves."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmlm.corpus.normalisation import words
from gmlm.deduplication import word_hashes as module
from gmlm.deduplication.word_hashes import groups_of, ngram_hashes, word_hashes

TEXTS = st.lists(st.text(max_size=30) | st.text("aAßSsﬁİ𝔸ſ ,-_1", max_size=20), max_size=6)


def pieces(hashed) -> list[list[int]]:
    bounds = zip(hashed.offsets, hashed.offsets[1:], strict=False)
    return [hashed.values[first:last].tolist() for first, last in bounds]


@given(TEXTS)
def test_there_is_one_hash_a_word_and_it_is_the_words_alone(texts):
    found = pieces(word_hashes(texts))
    expected = [words(text) for text in texts]
    assert [len(hashes) for hashes in found] == [len(each) for each in expected]
    known: dict[str, int] = {}
    for hashes, text_words in zip(found, expected, strict=True):
        for value, word in zip(hashes, text_words, strict=True):
            assert known.setdefault(word, value) == value
    assert len(set(known.values())) == len(known)


@pytest.mark.parametrize(("one", "other"), [("Größe", "GRÖSSE"), ("ﬁx", "FIX"), ("µg", "μg"), ("𐐀", "𐐨"), ("ẞ", "ss")])
def test_words_that_fold_alike_have_one_hash(one, other):
    first, second = pieces(word_hashes([f"a {one}.", other]))
    assert first[1:] == second


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=9).map(" ".join), max_size=5), st.integers(1, 5))
def test_ngrams_are_equal_just_where_their_words_are(texts, n):
    found = pieces(ngram_hashes(word_hashes(texts), n))
    known: dict[tuple[str, ...], int] = {}
    for hashes, text in zip(found, texts, strict=True):
        split = text.split()
        expected = [tuple(split[start : start + n]) for start in range(max(len(split) - n + 1, min(len(split), 1)))]
        assert len(hashes) == len(expected)
        for value, ngram in zip(hashes, expected, strict=True):
            assert known.setdefault(ngram, value) == value
    assert len(set(known.values())) == len(known)


def test_hashes_do_not_depend_on_process_or_neighbours():
    code = "from gmlm.deduplication.word_hashes import *; print(word_hashes(['x y', 'Fieber']).values[-1])"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert printed == {str(word_hashes(["fieber"]).values[0])}


def test_groups_hold_all_texts_in_order_and_a_bounded_number_of_characters(monkeypatch):
    monkeypatch.setattr(module, "CHARACTERS_AT_ONCE", 10)
    texts = ["a" * size for size in (4, 6, 1, 30, 2, 2)]
    groups = list(groups_of(texts))
    assert [text for group in groups for text in group] == texts
    assert [sum(map(len, group)) for group in groups] == [10, 1, 30, 4]
    assert list(groups_of([])) == []


def test_long_texts_hash_as_short_ones_do():
    long = word_hashes([" ".join(f"wort{number}" for number in range(30_000))]).values
    assert np.array_equal(long[-3:], word_hashes(["wort29997 wort29998 wort29999"]).values)
