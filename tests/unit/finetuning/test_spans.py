"""Spans are checked, made flat, and survive the way to tags and back."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmlm.errors import LabelError
from gmlm.finetuning.examples import Span
from gmlm.finetuning.spans import decode_spans, encode_spans, flatten, tag_names, trimmed


def test_white_space_at_the_ends_of_a_span_is_left_out():
    assert trimmed(Span(1, 8, "A"), "a  Hand \n b", where="x") == Span(3, 7, "A")


@pytest.mark.parametrize(
    "span", [Span(-1, 2, "A"), Span(2, 2, "A"), Span(3, 2, "A"), Span(0, 12, "A"), Span(4, 5, "A")]
)
def test_a_span_that_marks_no_text_is_an_error_that_names_its_place(span):
    with pytest.raises(LabelError) as raised:
        trimmed(span, "Hand Kopf ", where="letters.jsonl: 7")
    assert str(raised.value).startswith("letters.jsonl: 7: span")
    assert "Hand" not in str(raised.value)


def test_of_nested_and_overlapping_spans_the_longest_is_kept_and_the_others_are_counted(intake):
    spans = [Span(0, 5, "A"), Span(0, 10, "B"), Span(8, 12, "C"), Span(12, 14, "D"), Span(0, 10, "B")]
    assert flatten(spans, intake) == (Span(0, 10, "B"), Span(12, 14, "D"))
    assert intake.left_out == {"nested spans": 1, "overlapping spans": 1}


def test_adjacent_spans_of_one_label_stay_two():
    offsets = [(0, 3), (3, 6), (7, 9)]
    tags, unplaceable = encode_spans([Span(0, 3, "A"), Span(3, 6, "A")], offsets)
    assert tags == ["B-A", "B-A", "O"]
    assert unplaceable == 0
    assert decode_spans(tags, offsets) == (Span(0, 3, "A"), Span(3, 6, "A"))


def test_a_span_that_ends_within_a_token_is_counted_and_tags_the_token_all_the_same():
    assert encode_spans([Span(0, 4, "A")], [(0, 10), (11, 12)]) == (["B-A", "O"], 1)


def test_two_spans_within_one_token_leave_the_second_unplaced():
    assert encode_spans([Span(0, 4, "A"), Span(4, 10, "B")], [(0, 10)]) == (["B-A"], 2)


def test_a_span_that_no_token_shows_is_counted():
    assert encode_spans([Span(5, 6, "A")], [(0, 4), (5, 5)]) == (["O", "O"], 1)


def test_tag_names_put_inside_behind_begin():
    assert tag_names(["A", "B"]) == ["O", "B-A", "I-A", "B-B", "I-B"]


@st.composite
def _annotated_texts(draw):
    text = draw(st.text(alphabet="ab ß.\n–Ä", min_size=1, max_size=40))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    ends = [(start, end) for start, end in itertools.pairwise(cuts) if text[start:end].strip()]
    labels = draw(st.lists(st.sampled_from(["A", "B"]), min_size=len(ends), max_size=len(ends)))
    return text, [trimmed(Span(*pair, label), text, where="x") for pair, label in zip(ends, labels, strict=True)]


@given(_annotated_texts(), st.booleans())
def test_every_span_survives_the_round_trip_or_is_counted(annotated, whole_words):
    text, spans = annotated
    offsets = [match.span() for match in re.finditer(r"\w+|[^\w\s]" if whole_words else r"\S", text)]
    tags, unplaceable = encode_spans(spans, offsets)
    back = decode_spans(tags, offsets)
    assert len(set(spans) - set(back)) <= unplaceable
    if not whole_words:  # every character is a token: nothing can be lost
        assert list(back) == spans
        assert unplaceable == 0
