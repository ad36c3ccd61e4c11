from hypothesis import given
from hypothesis import strategies as st

from gmlm.translation.clauses import split_overlong
from gmlm.translation.segmentation import Segment, join


def words(texts):
    return [len(text.split()) for text in texts]


def characters(texts):
    return [len(text) for text in texts]


@given(st.text(alphabet="ab ,;\n", max_size=120), st.integers(1, 12))
def test_nothing_is_lost_and_nothing_is_too_long(text, limit):
    split = split_overlong([Segment(text, "\n")], limit, characters)
    assert join(split) == text + "\n"
    assert all(len(piece.text) <= limit for piece in split)


def test_short_segments_stay_whole():
    segments = [Segment("No fever.", " "), Segment("Ok, and then, well.", "")]
    assert split_overlong(segments, 5, words) == segments


def test_a_clause_mark_near_the_middle_is_preferred_to_the_middle():
    text = "after the operation he was stable, but on the following day fever came back"
    split = split_overlong([Segment(text, "\n")], 10, words)
    assert [tuple(piece) for piece in split] == [
        ("after the operation he was stable,", " "),
        ("but on the following day fever came back", "\n"),
    ]


def test_without_clause_marks_it_divides_between_words():
    split = split_overlong([Segment("one two three four five six", "")], 3, words)
    assert [piece.text for piece in split] == ["one two three", "four five six"]
