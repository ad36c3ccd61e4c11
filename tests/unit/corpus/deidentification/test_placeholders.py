"""Blanks of MIMIC are filled by their type, or stay where it cannot be told."""

from __future__ import annotations

import re

import pytest

from gmlm.corpus.deidentification.placeholders import filled
from gmlm.corpus.deidentification.surrogates import CITIES, FAMILY_NAMES, GIVEN_NAMES, INSTITUTIONS


def fill(text: str, document: str = "1", seed: int = 13) -> str:
    return filled(text, document, seed)


@pytest.mark.parametrize(
    ("blank", "values"),
    [
        ("[**Last Name (NamePattern1) 5000**]", FAMILY_NAMES),
        ("[**Known lastname 123**]", FAMILY_NAMES),
        ("[**First Name8 (NamePattern2) **]", GIVEN_NAMES),
        ("[**Hospital1 18**]", INSTITUTIONS),
        ("[**Location (un) 10**]", CITIES),
    ],
)
def test_the_type_of_a_blank_says_what_fills_it(blank, values):
    assert fill(f"x {blank} y")[2:-2] in values


@pytest.mark.parametrize(
    ("blank", "pattern"),
    [
        ("[**Telephone/Fax (1) 55**]", r"0\d{3} \d{6}"),
        ("[**Medical Record Number 12**]", r"\d{7}"),
        ("[**Age over 90 **]", r"9\d"),
        ("[**Month/Day/Year**]", r"\w+"),
        ("[**2118-6-2**]", "2018-6-2"),
        ("[**2187**]", "1987"),
        ("[**6-2**]", "6-2"),
    ],
)
def test_numbers_and_dates_are_filled_in_their_form(blank, pattern):
    assert re.fullmatch(pattern, fill(blank))


def test_the_same_blank_is_filled_with_the_same_in_one_note_only():
    text = "[**Known lastname 1**] and [**Known lastname 1**]"
    first, second = fill(text).split(" and ")
    assert first == second
    assert len({fill(text, document=str(number)) for number in range(20)}) > 5
    assert fill(text) == fill(text)


def test_untyped_blanks_take_their_type_from_the_words_before_or_stay():
    text = fill("Mr. ___ was seen on ___ . Unit No: ___ and ___\n___ years")
    name, day, number = re.fullmatch(
        r"Mr\. (\w+) was seen on (\S+) \. Unit No: (\d+) and ___\n___ years", text
    ).groups()
    assert name in FAMILY_NAMES
    assert re.fullmatch(r"\d{1,2}/\d{1,2}", day)
    assert len(number) == 7


def test_blanks_of_an_unknown_type_and_rules_of_underscores_stay():
    assert fill("[**Wholly unknown 5**] ______") == "[**Wholly unknown 5**] ______"


@pytest.mark.parametrize(("choice", "blank_stays"), [("keep", True), ("surrogates", False)])
def test_a_source_keeps_or_fills_them(write_file, run_ingest, choice, blank_stays):
    path = write_file("a.csv", 'note_id,note_type,text\n1,DS,"HISTORY:\nSeen by [**Doctor Last Name 3**]"\n')
    _, (document,) = run_ingest(path, reader="mimic_csv", placeholders=choice)
    assert ("[**" in document.text) == blank_stays
    assert document.text.startswith("HISTORY:\nSeen by ")
