import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gmlm.translation.segmentation import join, segment

FRAGMENTS = st.sampled_from(
    ["Dr.", "b.i.d.", "Z. n.", "V. a.", "3.", "12.5", " ", "  ", "\n", "\r\n", "\r", "\n\n", "\t", "- ", "1. ", "* "]
    + ["[**", "**]", "[**Name 1. **]", "The", "patient", "Der", "!", "?!", "...", "…", '"', ")", ":", "mg.", "\u00a0"]
    + ["\u2028", "\x0b", "\x85", "é", "🙂", "a", "B."]
)


@given(st.one_of(st.text(max_size=200), st.lists(FRAGMENTS, max_size=60).map("".join)), st.sampled_from(["en", "de"]))
@example("", "en")
@example(" \n", "de")
@example("- ", "en")
def test_joining_the_segments_gives_the_text_back(text, language):
    assert join(segment(text, language)) == text


@given(st.lists(FRAGMENTS, max_size=60).map("".join), st.sampled_from(["en", "de"]))
def test_segments_have_no_white_space_at_their_ends_and_only_the_first_can_be_empty(text, language):
    segments = segment(text, language)
    assert all(piece.text == piece.text.strip() for piece in segments)
    assert all(piece.text for piece in segments[1:])


def texts(text, language="en"):
    return [piece.text for piece in segment(text, language) if piece.text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He was seen by Dr. Smith. He left.", ["He was seen by Dr. Smith.", "He left."]),
        ("Aspirin 81 mg p.o. daily. No fever.", ["Aspirin 81 mg p.o. daily.", "No fever."]),
        ("Metoprolol 25 mg b.i.d. The dose was held.", ["Metoprolol 25 mg b.i.d.", "The dose was held."]),
        ("A 64 y.o. man, e.g. Mr. Jones, came.", ["A 64 y.o. man, e.g. Mr. Jones, came."]),
        ("Temp. 37.5. BP 120/80.", ["Temp. 37.5.", "BP 120/80."]),
        ("He has hepatitis B. No ascites.", ["He has hepatitis B.", "No ascites."]),
        ("J. Smith wrote it.", ["J. Smith wrote it."]),
        ("See Fig. 2 and no. 3. Both agree.", ["See Fig. 2 and no. 3.", "Both agree."]),
        ("Any pain? No. She slept!", ["Any pain?", "No.", "She slept!"]),
        ('She said "stop." Then she left.', ['She said "stop."', "Then she left."]),
        ("It rose to 3.5 mg/dl (max. 4.0). It fell.", ["It rose to 3.5 mg/dl (max. 4.0).", "It fell."]),
        ("pH was 7.2.Then it rose", ["pH was 7.2.Then it rose"]),
    ],
)
def test_english_sentences(text, expected):
    assert texts(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Z. n. Appendektomie 1998. V. a. Pneumonie.", ["Z. n. Appendektomie 1998.", "V. a. Pneumonie."]),
        ("Am 3. Mai erfolgte die OP. Sie verlief gut.", ["Am 3. Mai erfolgte die OP.", "Sie verlief gut."]),
        ("Ibuprofen 400 mg p.o. Der Patient schläft.", ["Ibuprofen 400 mg p.o.", "Der Patient schläft."]),
        ("Die Dosis betrug ca. 2,5 mg, d.h. wenig.", ["Die Dosis betrug ca. 2,5 mg, d.h. wenig."]),
        ("Dr. med. Weiß nahm z. B. Blut ab.", ["Dr. med. Weiß nahm z. B. Blut ab."]),
        ("Der Puls lag bei 120. Er fiel.", ["Der Puls lag bei 120.", "Er fiel."]),
    ],
)
def test_german_sentences(text, expected):
    assert texts(text, "de") == expected


def test_headings_blank_lines_and_list_marks_are_layout():
    note = "HISTORY:\n\n 1. Aspirin\n 2) Heparin\n- DM type 2\n\nPLAN\nDischarge.\n"
    assert [tuple(piece) for piece in segment(note, "en")] == [
        ("HISTORY:", "\n\n 1. "),
        ("Aspirin", "\n 2) "),
        ("Heparin", "\n- "),
        ("DM type 2", "\n\n"),
        ("PLAN", "\n"),
        ("Discharge.", "\n"),
    ]


def test_leading_white_space_is_kept():
    assert segment("  Fever.", "en")[0] == ("", "  ")


def test_placeholders_are_never_divided():
    placeholder = "[**Name (NI) 1. Smith\nJones**]"
    assert texts(f"Seen by {placeholder} today. Stable.") == [f"Seen by {placeholder} today.", "Stable."]


def test_a_sentence_may_run_over_a_wrapped_line():
    note = "The patient was admitted with severe abdominal pain and\nvomiting. She improved."
    assert texts(note) == ["The patient was admitted with severe abdominal pain and\nvomiting.", "She improved."]


def test_capitals_go_on_after_a_line_end_only_in_hard_wrapped_text():
    wrapped = (
        "The patient was admitted to the hospital under the care of Professor\n"
        "Smith and was then transferred to the surgical ward of Saint Thomas\n"
        "Hospital for the removal of the gallbladder, which was uneventful at\n"
        "first."
    )
    assert len(texts(wrapped)) == 1
    assert len(texts("Effect of aspirin on the course of myocardial infarction\nWe studied it.")) == 2


@pytest.mark.parametrize(
    "text", [" " * 40_000, "." * 40_000, "[**" * 10_000, "a. " * 10_000, "\n" * 40_000, "1. " * 9_000]
)
def test_hostile_text_takes_linear_time(text):
    started = time.process_time()
    assert join(segment(text, "en")) == text
    assert time.process_time() - started < 2
