"""Checks of a translated segment that need no reference: each names a way in which translation models fail."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

Flag = Literal["empty", "copy", "length", "repetition", "numbers", "truncated", "units", "placeholders", "language"]
FLAGS: tuple[Flag, ...] = ("empty", "copy", "length", "repetition", "numbers")
"""Flags that every translation gets; the others come with `quality`."""

PLACEHOLDER = re.compile(r"\[\*\*.*?\*\*\]")
LETTER = re.compile(r"[^\W\d_]")
WORD = re.compile(r"\w+(?:[-'’]\w+)*")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
REPEATED = re.compile(r"\b(\w+(?:\W+\w+){0,3}?)(?:\W+\1\b){3,}", re.IGNORECASE)
NUMBER_WORDS = {
    "ein": "1", "eine": "1", "einem": "1", "einen": "1", "einer": "1", "eines": "1", "zwei": "2", "drei": "3",
    "vier": "4", "fünf": "5", "sechs": "6", "sieben": "7", "acht": "8", "neun": "9", "zehn": "10", "elf": "11",
    "zwölf": "12",
}  # fmt: skip
"""German translations write out small numbers."""
SHORT_SEGMENT = 5
"""Segments of up to this many words are not judged by length or as copies: names, doses and headings stay."""


@dataclass(frozen=True)
class LengthLimits:
    """Lowest and highest plausible ratio of German to English words."""

    lowest: float
    highest: float


def has_letters(text: str) -> bool:
    """Whether there is anything to translate: a letter outside of de-identification placeholders."""
    return LETTER.search(PLACEHOLDER.sub("", text)) is not None


def word_count(text: str) -> int:
    """Number of words; hyphenated ones count once."""
    return len(WORD.findall(text))


def flags_of(source: str, target: str, limits: LengthLimits) -> list[Flag]:
    """What is suspicious about a translation, in the order of `FLAGS`.

    `empty`: no output. `copy`: the English text came back. `length`: far shorter or longer than the source.
    `repetition`: the decoder ran in a circle. `numbers`: a number of the source is missing.
    """
    if not target.strip():
        return ["empty"]
    found: dict[Flag, bool] = {
        "copy": _is_copy(source, target),
        "length": not _is_plausible(source, target, limits),
        "repetition": REPEATED.search(target) is not None and REPEATED.search(source) is None,
        "numbers": bool(numbers_in(source) - numbers_in(target, words=True)),
    }
    return [flag for flag in FLAGS if found.get(flag)]


def copied_share(source: str, target: str) -> float:
    """Share of the source's words above four fifths of them that came back, from 0 to 1; 0 for short segments."""
    words, kept = Counter(WORD.findall(source.lower())), Counter(WORD.findall(target.lower()))
    total = words.total()
    return 0.0 if total <= SHORT_SEGMENT else max(0.0, 5 * ((words & kept).total() / total) - 4)


def _is_copy(source: str, target: str) -> bool:
    """More than four fifths of the words of a longer segment are those of the source."""
    return copied_share(source, target) > 0


def _is_plausible(source: str, target: str, limits: LengthLimits) -> bool:
    words = word_count(source)
    return words <= SHORT_SEGMENT or limits.lowest <= word_count(target) / words <= limits.highest


def numbers_in(text: str, *, words: bool = False) -> Counter[str]:
    """Numbers by their digits alone, since the two languages swap decimal point and comma."""
    digits = Counter(re.sub(r"[.,]", "", number) for number in NUMBER.findall(text))
    if words:
        digits.update(NUMBER_WORDS[word] for word in WORD.findall(text.lower()) if word in NUMBER_WORDS)
    return digits
