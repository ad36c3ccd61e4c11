import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmlm.telemetry.metrics import registry
from gmlm.translation.batching import batches_by_length, translate_lines, translate_segments


class Shouting:
    """An engine that upper-cases, counts words as tokens and remembers its batches."""

    source_limit = 4

    def __init__(self):
        self.batches = []

    def lengths(self, texts):
        return [len(text.split()) for text in texts]

    def translate(self, batch):
        assert max(self.lengths(batch)) <= self.source_limit
        self.batches.append(list(batch))
        return [text.upper() for text in batch]


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 120))
def test_batches_hold_each_text_once_within_the_budget(lengths, budget):
    batches = list(batches_by_length(lengths, budget))
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[position] for position in batch) * len(batch) <= budget


@given(st.lists(st.text(alphabet="ab 1.", max_size=7)))
def test_outputs_are_aligned_one_to_one(texts):
    outputs = translate_segments(Shouting(), texts, 8, lambda count: None) if _fit(texts) else []
    for text, output in zip(texts, outputs, strict=False):
        assert output == (" ".join(text.split()).upper() if text.upper() != text else text)


def _fit(texts):
    return all(len(text.split()) <= Shouting.source_limit for text in texts)


def test_equal_segments_are_translated_once():
    engine = Shouting()
    assert translate_segments(engine, ["no fever", "x", "no\n fever"], 100, lambda count: None) == [
        "NO FEVER",
        "X",
        "NO FEVER",
    ]
    assert sorted(text for batch in engine.batches for text in batch) == ["no fever", "x"]


def test_segments_without_letters_are_passed_through_as_they_are():
    engine = Shouting()
    assert translate_segments(engine, ["120/80", "---", "[**Name**]", "1  2"], 9, lambda count: None) == [
        "120/80",
        "---",
        "[**Name**]",
        "1  2",
    ]
    assert engine.batches == []


def test_progress_counts_every_segment_once():
    advanced = []
    translate_segments(Shouting(), ["a", "b", "a", "7"], 1, advanced.append)
    assert sum(advanced) == 4


def test_long_lines_are_split_and_never_cut():
    line = "a b c, d e f g h i"
    outputs = translate_lines(Shouting(), [line, "", "x"], 100, lambda count: None)
    assert outputs == [line.upper(), "", "X"]


def test_an_engine_that_returns_too_few_outputs_is_noticed():
    engine = Shouting()
    engine.translate = lambda batch: []
    with pytest.raises(ValueError, match="shorter"):
        translate_segments(engine, ["a"], 10, lambda count: None)


def test_what_is_not_translated_again_is_counted():
    def counted(origin):
        return registry().get_sample_value("gmlm_translation_reused_total", {"origin": origin}) or 0.0

    before = counted("shard"), counted("memory")
    translate_segments(Shouting(), ["a", "b", "a", "a", "7", "b b", "c"], 9, lambda count: None, {"b": "B", "d": "D"})
    assert (counted("shard") - before[0], counted("memory") - before[1]) == (2, 1)
