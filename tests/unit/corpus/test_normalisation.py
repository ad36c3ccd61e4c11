from __future__ import annotations

import re
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmlm.corpus.normalisation import normalise, share_of, text_digest, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("U\u0308belkeit", "Übelkeit"),
        ("5\u00a0mg\u2009/  Tag", "5 mg / Tag"),
        ("Herz\u00adinsuffizienz\u200b", "Herzinsuffizienz"),
        ("Befund:\t\tgut  \n\n\n\n- Fieber \n", "Befund:\t\tgut\n\n- Fieber"),
        ("\x00Seite\x0c eins", "Seite eins"),
    ],
)
def test_known_repairs(text, expected):
    assert normalise(text) == expected


@given(st.text())
def test_normalising_twice_is_normalising_once(text):
    assert normalise(normalise(text)) == normalise(text)


def test_what_is_removed_and_every_space_but_the_ordinary_one_counts_as_not_printable():
    characters = [chr(code) for code in range(0x110000)]
    assert [c for c in characters if c.isspace() and c.isprintable()] == [" "]
    assert [c for c in characters if normalise(f"a{c}b") == "ab" and c.isprintable()] == []
    composed = [unicodedata.normalize("NFC", c) for c in characters if c.isprintable()]
    assert all(c.isprintable() for c in composed)


@given(st.text(alphabet=st.sampled_from("aß1_²½.- \n\u00a0\u0308")) | st.text())
def test_words_are_runs_of_letters_and_digits(text):
    assert words(text) == re.findall(r"\w+", text.casefold())


@given(st.text())
def test_no_word_is_lost_in_text_without_invisible_characters(text):
    visible = "".join(character for character in text if character.isprintable() or character in "\n\t")
    assert text_digest(normalise(visible)) == text_digest(visible)


def test_the_digest_ignores_case_spacing_and_punctuation_only():
    assert text_digest("Akute Dyspnoe, Fieber.") == text_digest("AKUTE\n dyspnoe - fieber")
    assert text_digest("5 mg") != text_digest("50 mg")
    assert words("Straße; 3,5 mg/dl") == ["strasse", "3", "5", "mg", "dl"]


def test_digests_are_the_same_in_every_process():
    code = "from gmlm.corpus.normalisation import *; d = text_digest('Fieber'); print(d.hex(), share_of(d, 'holdout'))"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    digest = text_digest("Fieber")
    assert seen == {f"{digest.hex()} {share_of(digest, 'holdout')}\n"}


def test_shares_are_uniform_and_independent_between_purposes():
    digests = [text_digest(f"Befund {number}") for number in range(4000)]
    low = {purpose: {d for d in digests if share_of(d, purpose) < 0.25} for purpose in ("holdout", "weight")}
    # Binomial(4000, 1/4) and Binomial(4000, 1/16): five standard deviations around the means.
    assert all(abs(len(chosen) - 1000) < 5 * 27.4 for chosen in low.values())
    assert abs(len(low["holdout"] & low["weight"]) - 250) < 5 * 15.3
