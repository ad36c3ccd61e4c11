"""Documents are cut and packed without losing or doubling a token, the same way for the same seed and epoch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmlm.pretraining.packing import SPECIAL_TOKENS, cut_segments, one_segment_per_row, pack_rows

LENGTHS = st.lists(st.integers(0, 70), min_size=1, max_size=40)


def offsets_of(lengths: list[int]) -> np.ndarray:
    return np.cumsum([0, *lengths])


@settings(max_examples=50, deadline=None)
@given(LENGTHS)
def test_segments_cover_every_token_once(lengths: list[int]) -> None:
    segments = cut_segments(offsets_of(lengths), 16)
    covered = [token for a, n in zip(segments.starts, segments.lengths, strict=True) for token in range(a, a + n)]
    assert covered == list(range(sum(lengths)))
    assert all(0 < n <= 16 - SPECIAL_TOKENS for n in segments.lengths)


def test_a_long_document_is_cut_into_few_equal_pieces() -> None:
    segments = cut_segments(offsets_of([31]), 16)
    assert segments.lengths.tolist() == [10, 10, 11]


@settings(max_examples=50, deadline=None)
@given(LENGTHS.map(lambda lengths: [n % 14 + 1 for n in lengths]), st.integers(0, 3))
def test_every_segment_lies_in_one_row_that_holds_it(lengths: list[int], epoch: int) -> None:
    rows = pack_rows(np.array(lengths), 16, seed=1, epoch=epoch)
    assert sorted(rows.segments.tolist()) == list(range(len(lengths)))
    for begin, end in zip(rows.offsets[:-1], rows.offsets[1:], strict=True):
        assert 0 < sum(lengths[i] + SPECIAL_TOKENS for i in rows.segments[begin:end]) <= 16


def test_packing_fills_rows_of_clinical_lengths() -> None:
    lengths = np.clip(np.random.default_rng(0).lognormal(4, 0.8, 5000).astype(np.int64), 1, 510)
    rows = pack_rows(lengths, 512, seed=1, epoch=0)
    assert (lengths + SPECIAL_TOKENS).sum() / (len(rows) * 512) > 0.99


def test_best_fit_takes_the_fullest_row_that_still_fits() -> None:
    # Sizes with special tokens: 10, 8, 6, 4. Best fit puts 6 beside 10 and 4 beside 8.
    rows = pack_rows(np.array([8, 6, 4, 2]), 16, seed=0, epoch=0)
    contents = {
        frozenset(rows.segments[a:b].tolist()) for a, b in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)
    }
    assert contents == {frozenset({0, 2}), frozenset({1, 3})}


@pytest.mark.parametrize("plan", [one_segment_per_row, lambda lengths, **keys: pack_rows(lengths, 64, **keys)])
def test_an_epoch_is_a_pure_function_of_seed_and_epoch(plan: object) -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 300)
    first, again, other_epoch, other_seed = (
        plan(lengths, seed=seed, epoch=epoch) for seed, epoch in ((1, 0), (1, 0), (1, 1), (2, 0))
    )
    assert np.array_equal(first.segments, again.segments)
    assert not np.array_equal(first.segments, other_epoch.segments)
    assert not np.array_equal(first.segments, other_seed.segments)
    assert len(first) == len(other_epoch) == len(other_seed)
