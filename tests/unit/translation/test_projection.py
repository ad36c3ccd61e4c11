"""Marked words are found again in a translation, and what is not there is not placed surely."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmlm.translation.projection import AlignedSegment, place


def _found(source, target, marked, alone, occurrence=0):
    start = -1
    for _ in range(occurrence + 1):
        start = source.index(marked, start + 1)
    placed = place([AlignedSegment(source, 0, target, 0)], start, start + len(marked), alone)
    return (target[placed.start : placed.end], placed.score) if placed else None


@pytest.mark.parametrize(
    ("source", "target", "marked", "alone", "expected"),
    [
        ("There is a left pleural effusion.", "Es liegt ein linksseitiger Pleuraerguss vor.", "left pleural effusion",
         "linksseitiger Pleuraerguss", "linksseitiger Pleuraerguss"),
        ("Growth of the breast cancer was slow.", "Das Wachstum des Brustkrebses war langsam.", "breast cancer",
         "Brustkrebs", "Brustkrebses"),
        ("The nodule (3.5 mm) is stable.", "Der Knoten (3,5 mm) ist stabil.", "3.5 mm", "3,5 mm", "3,5 mm"),
        ("Given aspirin daily.", "Täglich Aspirin gegeben.", "aspirin", "Acetylsalicylsäure", "Aspirin"),
        ("No change.", "Keine Änderung.", "No change.", "Unverändert.", "Keine Änderung."),
    ],
)  # fmt: skip
def test_marked_words_are_found_inflected_moved_or_kept(source, target, marked, alone, expected):
    assert _found(source, target, marked, alone)[0] == expected


@pytest.mark.parametrize("occurrence", [0, 1])
def test_of_equal_words_those_at_the_same_place_are_taken(occurrence):
    source, target = "Pain in the left arm, no pain in the leg.", "Schmerz im linken Arm, kein Schmerz im Bein."
    source = source.replace("Pain", "pain")
    start = [match for match in range(len(source)) if source.startswith("pain", match)][occurrence]
    placed = place([AlignedSegment(source, 0, target, 0)], start, start + 4, "Schmerz")
    assert placed.start == [0, target.index("Schmerz", 1)][occurrence]
    assert placed.score == 1.0


def test_words_that_are_not_in_the_translation_score_low():
    assert _found("Mild cough.", "Dem Patienten geht es gut.", "cough", "Husten")[1] < 0.3


def test_what_crosses_segments_or_was_not_translated_is_not_placed():
    segments = [AlignedSegment("One.", 0, "Eins.", 0), AlignedSegment("Two.", 5, "", 6)]
    assert place(segments, 0, 9, "Eins. Zwei.") is None
    assert place(segments, 5, 8, "Zwei") is None


def test_offsets_count_from_the_beginning_of_the_whole_texts():
    segments = [AlignedSegment("One.", 0, "Eins.", 0), AlignedSegment("Two dogs.", 5, "Zwei Hunde.", 6)]
    placed = place(segments, 9, 13, "Hunde")
    assert (placed.start, placed.end, placed.score) == (11, 16, 1.0)


@given(st.data())
def test_a_translation_that_changes_nothing_keeps_every_run_of_words(data):
    words = data.draw(
        st.lists(st.sampled_from(["Befund", "Herz", "12", "rechts", "CT", "ohne"]), min_size=2, max_size=12)
    )
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first + 1, len(words)))
    text, start = " ".join(words), len(" ".join([*words[:first], ""])) if first else 0
    marked = " ".join(words[first:last])
    placed = place([AlignedSegment(text, 0, text, 0)], start, start + len(marked), marked)
    assert (placed.start, placed.end, placed.score) == (start, start + len(marked), 1.0)
