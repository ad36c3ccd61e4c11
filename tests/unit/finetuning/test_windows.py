"""Windows show every token of a text, with context, between the tokenizer's own special tokens."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from gmlm.finetuning.windows import TokenizedText, Window, Windower, frame_of, merge_windows, tokenize, window_ranges


@given(st.integers(0, 300), st.integers(2, 40), st.data())
def test_ranges_cover_every_token_and_neighbours_overlap(length, size, data):
    stride = data.draw(st.integers(0, size // 2))
    ranges = window_ranges(length, size, stride)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == length
    assert all(end - start == min(size, length) for start, end in ranges)
    assert all(after[0] > before[0] for before, after in itertools.pairwise(ranges))
    assert all(before[1] - after[0] >= stride for before, after in itertools.pairwise(ranges))


def test_a_text_that_fits_is_one_window_as_the_tokenizer_itself_makes_it(tokenizer):
    text = "Patient erhält Aspirin."
    (tokens,) = tokenize(tokenizer, [text])
    (window,) = Windower(tokenizer, 32, 8).windows(0, tokens)
    assert window.ids == tokenizer(text)["input_ids"]


def test_a_question_stands_before_every_window_of_its_context(tokenizer):
    question, context = "Was bekommt er?", "Patient erhält Aspirin. " * 9
    asked, read = tokenize(tokenizer, [question, context])
    whole = Windower(tokenizer, 128, 8, pair=True).windows(0, read, asked.ids)
    assert len(whole) == 1
    expected = tokenizer(question, context)
    assert whole[0].ids == expected["input_ids"]
    assert whole[0].types == expected["token_type_ids"]
    parts = Windower(tokenizer, 16, 4, pair=True).windows(0, read, asked.ids)
    assert all(len(window.ids) <= 16 for window in parts)
    assert all(window.ids[: window.prefix] == whole[0].ids[: whole[0].prefix] for window in parts)
    assert {token for window in parts for token in range(window.start, window.end)} == set(range(len(read.ids)))


def test_a_question_of_any_length_leaves_room_for_its_context(tokenizer):
    asked, read = tokenize(tokenizer, ["Was bekommt er? " * 30, "Patient erhält Aspirin."])
    windows = Windower(tokenizer, 16, 128, pair=True).windows(0, read, asked.ids)
    assert all(len(window.ids) <= 16 for window in windows)
    assert windows[-1].end == len(read.ids)


def test_offsets_name_the_characters_of_tokens_without_blanks():
    vocabulary = {letter: number for number, letter in enumerate(["<s>", "</s>", "a", "b", "Ġ", "Ġb", "ä"])}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[("Ġ", "b")]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), trim_offsets=False)
    byte_level = PreTrainedTokenizerFast(tokenizer_object=core)
    (tokens,) = tokenize(byte_level, ["a b"])
    assert tokens.offsets == [(0, 1), (2, 3)]
    assert frame_of(byte_level, pair=True).between == [1, 1]


def test_a_token_takes_the_output_of_the_window_that_shows_most_around_it():
    windows = [
        Window(0, 0, 6, list(range(8)), [], 1),
        Window(0, 3, 9, list(range(8)), [], 1),
        Window(0, 4, 10, list(range(8)), [], 1),
    ]
    rows = [np.full((8, 1), number, dtype=np.float32) for number in range(3)]
    merged = merge_windows(windows, rows, 10)[:, 0].tolist()
    # token 4 has 1 token behind it in window 0 and 1 before it in window 1: the first is as good
    assert merged == [0, 0, 0, 0, 0, 1, 1, 2, 2, 2]


@given(st.integers(1, 80), st.integers(4, 20))
def test_merged_windows_put_every_token_in_its_place(length, size):
    ranges = window_ranges(length, size, size // 2)
    windows = [Window(0, start, end, [], [], 1) for start, end in ranges]
    rows = [np.array([[-1], *([token] for token in range(*pair)), [-1]], dtype=np.float32) for pair in ranges]
    assert merge_windows(windows, rows, length)[:, 0].tolist() == list(range(length))


def test_no_texts_make_no_tokens(tokenizer):
    assert tokenize(tokenizer, []) == []


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_text_has_one_window_of_special_tokens(tokenizer, text):
    (tokens,) = tokenize(tokenizer, [text])
    (window,) = Windower(tokenizer, 16, 4).windows(0, tokens)
    assert window.ids == [tokenizer.cls_token_id, tokenizer.sep_token_id]


def test_head_and_tail_is_one_window_of_the_first_quarter_and_the_last_three(tokenizer):
    windower = Windower(tokenizer, 10, 2)  # two special tokens leave room for eight
    ids = list(range(100, 130))
    long, short = (TokenizedText(some, [(0, 1)] * len(some)) for some in (ids, ids[:8]))
    (window,) = windower.head_and_tail(3, long)
    assert window.ids[1:-1] == [*ids[:2], *ids[-6:]]
    assert window.text == 3
    assert windower.head_and_tail(0, short) == windower.windows(0, short)
