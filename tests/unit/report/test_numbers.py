"""How figures are written."""

from __future__ import annotations

import pytest

from gmlm.report import numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (numbers.score(0.7132), "71.3"),
        (numbers.score(0.0), "0.0"),
        (numbers.score(None), "missing"),
        (numbers.optional_score(None), "–"),
        (numbers.interval(0.7011, 0.725), "[70.1, 72.5]"),
        (numbers.interval(None, 0.725), ""),
        (numbers.signed(0.0213), "+2.1"),
        (numbers.signed(-0.004), "−0.4"),
        (numbers.signed(-0.0001), "0.0"),
        (numbers.signed_interval(-0.002, 0.03), "[−0.2, +3.0]"),
        (numbers.p_value(0.0304), "0.030"),
        (numbers.p_value(0.00099), "<0.001"),
        (numbers.p_value(1.0), "1.000"),
        (numbers.count(1234567), "1,234,567"),
        (numbers.count(None), "–"),
        (numbers.decimal(2.34567), "2.346"),
        (numbers.percent(0.0267), "2.7 %"),
        (numbers.size(1023), "1023 B"),
        (numbers.size(1536), "1.5 KiB"),
        (numbers.size(3 * 1024**4), "3.0 TiB"),
    ],
)
def test_figures_are_written_one_way(text, expected):
    assert text == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (0.0004, "<0.001"),
        (0.03456, "0.0346"),
        (99.94, "99.9"),
        (99.96, "100"),
        (12345.6, "12,346"),
    ],
)
def test_amounts_have_three_digits_and_no_exponent(value, text):
    assert numbers.amount(value) == text
