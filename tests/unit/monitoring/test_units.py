"""Values as people read them."""

from __future__ import annotations

import pytest

from gmlm.monitoring.units import duration, in_unit


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1234, "percentunit", "12.3 %"),
        (1536, "bytes", "1.5 KiB"),
        (3 * 2**30, "bytes", "3 GiB"),
        (12, "bytes", "12 B"),
        (1234567, "short", "1.23 M"),
        (0.25, "short", "0.25"),
        (2000, "none", "2000"),
        (61, "celsius", "61 °C"),
        (512.4, "watt", "512.4 W"),
        (2.5, "currencyEUR", "2.50 €"),
        (float("nan"), "s", "-"),
        (float("inf"), "none", "-"),
    ],
)
def test_a_value_has_its_unit(value, unit, text):
    assert in_unit(value, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.012, "12 ms"),
        (3.44, "3.44 s"),
        (60, "1 min 0 s"),
        (320, "5 min 20 s"),
        (7500, "2 h 5 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_a_length_of_time_is_said_in_two_units(seconds, text):
    assert duration(seconds) == text
