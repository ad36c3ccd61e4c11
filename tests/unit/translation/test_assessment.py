"""What is wrong with a translation is named, and lowers its score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmlm.translation.assessment import assess
from gmlm.translation.quality import LengthLimits, flags_of

LIMITS = LengthLimits(0.4, 2.5)
SOURCE = "The patient was given 5 mg of morphine at 10:30 and slept well until the morning."
GOOD = "Der Patient erhielt um 10:30 Uhr 5 mg Morphin und schlief gut bis zum nächsten Morgen."


def test_a_good_translation_has_full_score():
    assert assess(SOURCE, GOOD, LIMITS).score == 1
    assert assess(SOURCE, GOOD, LIMITS).flags == ()


@pytest.mark.parametrize(
    ("target", "flag"),
    [
        ("", "empty"),
        (SOURCE, "copy"),
        ("Der Patient erhielt um 10:30 Uhr 5 mg Morphin und", "truncated"),
        (GOOD.replace("10:30", "11:30"), "numbers"),
        (GOOD.replace("mg", "Gramm"), "units"),
        ("Der Patient schlief. " + "und schlief und schlief und schlief und schlief 5 mg 10:30.", "repetition"),
        (
            "The patient got 5 mg morphine at 10:30, and then was sleeping through all of that night.",
            "language",
        ),
    ],
)
def test_what_is_wrong_is_named_and_costs(target, flag):
    assessment = assess(SOURCE, target, LIMITS)
    assert flag in assessment.flags
    assert assessment.score < 0.85


@pytest.mark.parametrize("mark", ["[**Hospital 12**]", "___"])
def test_a_lost_placeholder_costs_all(mark):
    kept = assess(f"He came to {mark} in June.", f"Er kam im Juni nach {mark}.", LIMITS)
    lost = assess(f"He came to {mark} in June.", "Er kam im Juni in die Klinik.", LIMITS)
    assert (kept.score, kept.flags) == (1, ())
    assert lost.score == 0
    assert "placeholders" in lost.flags


@pytest.mark.parametrize(
    ("source", "target"),
    [("Give 50 mcg.", "50 µg geben."), ("5000 IU of heparin", "5000 IE Heparin"), ("BP 120/80 mmHg", "RR 120/80 mmHg")],
)
def test_units_that_change_their_symbol_agree(source, target):
    assert assess(source, target, LIMITS).score == 1


def test_a_worse_ratio_of_lengths_costs_more():
    source = "one two three four five six seven eight nine ten"
    scores = [
        assess(source, " ".join(["wort"] * 0 + [f"w{n}" for n in range(n)]), LIMITS).score for n in (10, 4, 2, 25)
    ]
    assert scores[0] == 1
    assert scores[0] > scores[1] > scores[2]
    assert scores[3] < 1


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_pair_has_a_score_and_the_plain_flags_are_kept(source, target):
    assessment = assess(source, target, LIMITS)
    assert 0 <= assessment.score <= 1
    assert list(assessment.flags[: len(flags_of(source, target, LIMITS))]) == flags_of(source, target, LIMITS)
