"""Signatures estimate Jaccard similarity, and bands find what is similar."""

from __future__ import annotations

import random

import numpy as np
import pytest

from gmlm.deduplication import groups, minhash
from gmlm.deduplication.groups import connected_to_earlier, later_occurrences
from gmlm.deduplication.minhash import BANDS, PERMUTATIONS, ROWS, band_hashes, signatures


def text(choose: random.Random, length: int) -> list[str]:
    return [f"w{choose.randrange(100_000)}" for _ in range(length)]


def shingles(words: list[str]) -> set[tuple[str, ...]]:
    return set(zip(*(words[start:] for start in range(5)), strict=False))


@pytest.mark.parametrize("shared", [0.0, 0.3, 0.6, 0.9, 1.0])
def test_the_share_of_equal_values_estimates_the_jaccard_similarity(shared):
    choose, errors = random.Random(5), []
    for _ in range(30):
        one = text(choose, 200)
        other = one[: int(200 * shared)] + text(choose, 200 - int(200 * shared))
        exact = len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))
        first, second = signatures([" ".join(one), " ".join(other)]).T
        errors.append(float((first == second).mean()) - exact)
    # The standard error of the mean of 30 estimates by 128 values is at most 0.008.
    assert abs(np.mean(errors)) < 5 * 0.008


def test_a_signature_does_not_depend_on_the_other_texts_or_their_lengths():
    choose = random.Random(6)
    texts = [" ".join(text(choose, choose.choice((1, 4, 5, 60, 3000)))) for _ in range(60)]
    together = signatures(texts)
    assert together.shape == (PERMUTATIONS, 60)
    for number in (0, 17, 59):
        assert np.array_equal(together[:, number], signatures([texts[number]])[:, 0])


def test_texts_without_a_word_are_near_each_other_and_nothing_else():
    found = signatures(["", "?!", "Befund"]).T
    assert (found[0] == 0xFFFFFFFF).all()
    assert np.array_equal(found[0], found[1])
    assert not (found[0] == found[2]).any()


def test_documents_share_a_band_hash_where_all_values_of_the_band_are_equal():
    choose = np.random.default_rng(7)
    found = choose.integers(0, 3, (200, PERMUTATIONS), dtype=np.uint32)
    found[:100, :ROWS] = found[100:, :ROWS]
    hashes = band_hashes(found.T)
    assert hashes.shape == (BANDS, 200)
    for band in range(BANDS):
        values = [tuple(row) for row in found[:, band * ROWS : (band + 1) * ROWS]]
        assert len(set(hashes[band].tolist())) == len(set(values))


def test_chains_of_similar_rows_hang_together_and_their_first_row_stays():
    first = np.array([1, 2, 3, 4, 2, 6], np.uint64)
    second = np.array([9, 8, 8, 7, 5, 9], np.uint64)
    assert connected_to_earlier([first, second], 6).tolist() == [False, False, True, False, True, True]
    assert connected_to_earlier([first], 6).tolist() == [False] * 4 + [True, False]
    assert connected_to_earlier([np.empty(0, np.uint64)], 0).tolist() == []


def test_connections_agree_with_a_search_over_all_pairs():
    choose = random.Random(8)
    for _ in range(20):
        bands = [np.array([choose.randrange(60) for _ in range(40)], np.uint64) for _ in range(2)]
        component = list(range(40))
        for _ in range(40):
            for one in range(40):
                for other in range(40):
                    if any(band[one] == band[other] for band in bands):
                        component[one] = min(component[one], component[other])
        expected = [component[row] != row for row in range(40)]
        assert connected_to_earlier(bands, 40).tolist() == expected


@pytest.mark.parametrize("at_once", [4, 1 << 22])
def test_all_but_the_first_of_equal_keys_are_later_occurrences(monkeypatch, at_once):
    monkeypatch.setattr(groups, "ROWS_AT_ONCE", at_once)
    choose = random.Random(9)
    keys = [(choose.randrange(5), choose.randrange(5)) for _ in range(60)]
    parts = [np.array(keys[start:end], np.uint64).reshape(-1, 2) for start, end in ((0, 0), (0, 25), (25, 60))]
    assert later_occurrences(parts).tolist() == [key in keys[:row] for row, key in enumerate(keys)]


def test_longer_documents_than_a_block_holds_are_hashed_too(monkeypatch):
    texts = [" ".join(text(random.Random(10), length)) for length in (5, 700)]
    expected = signatures(texts)
    monkeypatch.setattr(minhash, "BLOCK_VALUES", 64)
    assert np.array_equal(signatures(texts), expected)
