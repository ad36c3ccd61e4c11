"""Holm's correction against published and known values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmlm.multiple_testing import holm

P_VALUES = st.lists(st.floats(0, 1), max_size=12)


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
        ([0.01, 0.02, 0.03, 0.04, 0.05], [0.05, 0.08, 0.09, 0.09, 0.09]),
        ([0.4], [0.4]),
        ([0.9, 0.8], [1.0, 1.0]),
        ([], []),
    ],
)
def test_known_values(p_values, adjusted):
    assert holm(p_values) == pytest.approx(adjusted)


@given(P_VALUES)
def test_lies_between_no_correction_and_bonferroni(p_values):
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted <= min(1.0, p * len(p_values))


@given(P_VALUES)
def test_keeps_the_order_of_the_p_values(p_values):
    pairs = sorted(zip(p_values, holm(p_values), strict=True))
    assert [adjusted for _, adjusted in pairs] == sorted(adjusted for _, adjusted in pairs)
