"""What shares a tie is one group; near-duplicates share a tie."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gmlm.deduplication.ties import near_duplicate_ties, tied_groups

WORDS = [f"w{number}" for number in range(200)]


@given(st.lists(st.lists(st.integers(0, 12), max_size=3), min_size=1, max_size=30))
def test_groups_are_the_connected_components_that_scipy_finds(ties):
    rows = [row for row, own in enumerate(ties) for _ in own]
    columns = [len(ties) + tie for own in ties for tie in own]
    size = len(ties) + 13
    _, labels = connected_components(coo_matrix(([1] * len(rows), (rows, columns)), (size, size)), directed=False)
    expected = {}
    for index in range(len(ties)):
        expected.setdefault(labels[index], []).append(index)
    assert tied_groups(ties) == list(expected.values())


def test_near_duplicates_share_a_band_and_others_none():
    changed = [*WORDS[:100], "other", *WORDS[101:]]
    found = [set(row) for row in near_duplicate_ties([" ".join(WORDS), " ".join(changed), " ".join(WORDS[::-1])])]
    assert found[0] & found[1]
    assert not found[0] & found[2]


def test_texts_without_a_word_are_tied_to_nothing():
    assert near_duplicate_ties(["", "?!"]) == [[], []]
    assert near_duplicate_ties([]) == []
