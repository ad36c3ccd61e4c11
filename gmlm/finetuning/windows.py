"""Texts longer than a model can take are read through overlapping windows, so that no token is ever cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmlm.finetuning.spans import Offsets


@dataclass(frozen=True)
class TokenizedText:
    """Tokens of a text without special ones, and the characters of each (without white space around)."""

    ids: list[int]
    offsets: list[Offsets]


@dataclass(frozen=True)
class Window:
    """What a model reads at once: tokens `start` to `end` of a text, between special tokens and behind a question.

    Attributes:
        text: Index of the text.
        start: First token of the text within the window.
        end: The token behind the last.
        ids: All input ids, special tokens included.
        types: Token type of each input id.
        prefix: Number of input ids before token `start`.
    """

    text: int
    start: int
    end: int
    ids: list[int]
    types: list[int]
    prefix: int


@dataclass(frozen=True)
class Frame:
    """The special tokens that a tokenizer puts around one text, or around and between two."""

    before: list[int]
    between: list[int]
    after: list[int]
    second_type: int

    @property
    def size(self) -> int:
        """Number of special tokens."""
        return len(self.before) + len(self.between) + len(self.after)


def tokenize(tokenizer: Any, texts: Sequence[str]) -> list[TokenizedText]:
    """Tokenise whole texts, whatever their length."""
    if not texts:
        return []
    encoded = tokenizer(
        list(texts), add_special_tokens=False, truncation=False, return_offsets_mapping=True, verbose=False
    )
    pairs = zip(texts, encoded["input_ids"], encoded["offset_mapping"], strict=True)
    return [TokenizedText(ids, [_trim(text, *pair) for pair in offsets]) for text, ids, offsets in pairs]


def _trim(text: str, start: int, end: int) -> Offsets:
    """Byte-level and SentencePiece tokenizers count the blank before a word to its first token."""
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def frame_of(tokenizer: Any, *, pair: bool) -> Frame:
    """Find the special tokens of a tokenizer's template from an example of one text or of two."""
    encoded = tokenizer("a", "a" if pair else None, return_special_tokens_mask=True, return_token_type_ids=True)
    ids, mask = encoded["input_ids"], encoded["special_tokens_mask"]
    runs = [[ids[place] for place in places] for places in _special_runs(mask)]
    second_type = encoded["token_type_ids"][-2] if pair and "token_type_ids" in encoded else 0
    return Frame(runs[0], runs[1] if pair else [], runs[-1], second_type)


def _special_runs(mask: Sequence[int]) -> list[list[int]]:
    """Places of the special tokens before, between and after the texts; empty where there are none."""
    bounded = [list(run) for special, run in groupby(range(len(mask)), key=lambda place: mask[place]) if special]
    if not mask[0]:
        bounded.insert(0, [])
    if not mask[-1]:
        bounded.append([])
    return bounded


def window_ranges(length: int, size: int, stride: int) -> list[tuple[int, int]]:
    """Token ranges of at most `size` tokens that cover all of 0 to `length`, neighbours sharing `stride` or more.

    The last range is moved back to be full: a short rest would have little context. An empty text has one range.
    """
    if length <= size:
        return [(0, length)]
    starts = [*range(0, length - size, size - stride), length - size]
    return [(start, start + size) for start in starts]


class Windower:
    """Cuts tokenised texts into windows for a model.

    Args:
        tokenizer: A fast tokenizer.
        length: Longest input of the model, special tokens included.
        stride: Tokens that neighbouring windows share; at most half of a window's room is used.
        pair: Whether a question precedes each text.
    """

    def __init__(self, tokenizer: Any, length: int, stride: int, *, pair: bool = False) -> None:
        self._frame, self._length, self._stride = frame_of(tokenizer, pair=pair), length, stride

    def windows(self, index: int, tokens: TokenizedText, question: Sequence[int] = ()) -> list[Window]:
        """The windows of one text. A question that would take over half of a window is shortened to that."""
        frame = self._frame
        question = list(question)[: (self._length - frame.size) // 2]
        opening = [*frame.before, *question, *frame.between]
        room = self._length - frame.size - len(question)
        made = []
        for start, end in window_ranges(len(tokens.ids), room, min(self._stride, room // 2)):
            ids = [*opening, *tokens.ids[start:end], *frame.after]
            types = [0] * len(opening) + [frame.second_type] * (len(ids) - len(opening))
            made.append(Window(index, start, end, ids, types, len(opening)))
        return made

    def head_and_tail(self, index: int, tokens: TokenizedText) -> list[Window]:
        """One window of a text: all of it, or its first tokens and three times as many of its last."""
        room = self._length - self._frame.size
        if len(tokens.ids) > room:
            head = room // 4
            tail = len(tokens.ids) - (room - head)
            tokens = TokenizedText(tokens.ids[:head] + tokens.ids[tail:], tokens.offsets[:head] + tokens.offsets[tail:])
        return self.windows(index, tokens)


def merge_windows(windows: Sequence[Window], rows: Sequence[NDArray[np.float32]], length: int) -> NDArray[np.float32]:
    """One row of output a token of the text, from the window that shows most context around the token.

    Args:
        windows: The windows of one text.
        rows: The output of each window, one row an input id.
        length: Number of tokens of the text.
    """
    merged = np.zeros((length, rows[0].shape[1]), dtype=np.float32)
    best = np.full(length, -1)
    for window, output in zip(windows, rows, strict=True):
        places = np.arange(window.start, window.end)
        left = places - window.start if window.start else np.full(len(places), length)
        right = window.end - 1 - places if window.end < length else np.full(len(places), length)
        context = np.minimum(left, right)
        better = context > best[window.start : window.end]
        chosen = places[better]
        merged[chosen] = output[window.prefix + chosen - window.start]
        best[chosen] = context[better]
    return merged
