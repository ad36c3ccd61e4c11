"""Exact match and F1 of answers, normalised as by the script of SQuAD or of MLQA.

SQuAD's script (Rajpurkar et al., 2016, 2018) removes English articles, whatever the language, and ASCII punctuation.
MLQA's script (Lewis et al., 2020) removes the articles of the language and all Unicode punctuation, such as German
quotation marks. The choice changes the score, so every score names it.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

_ARTICLES = {
    "english": ("a", "an", "the"),
    "german": ("ein", "eine", "einen", "einem", "eines", "einer", "der", "die", "das", "den", "dem", "des"),
    "none": (),
}
_ASCII_PUNCTUATION = frozenset(string.punctuation)


def normalise(answer: str, articles: str) -> list[str]:
    """The answer's words in lower case, without punctuation and without articles.

    Args:
        answer: Text of an answer.
        articles: `english` (as SQuAD's script), `german` (as MLQA's), or `none` (as MLQA's without articles).
    """
    text = "".join(char for char in answer.lower() if not _is_punctuation(char, articles))
    if words := _ARTICLES[articles]:
        text = re.sub(rf"\b({'|'.join(words)})\b", " ", text)
    return text.split()


def _is_punctuation(char: str, articles: str) -> bool:
    if articles == "english":
        return char in _ASCII_PUNCTUATION
    return char in _ASCII_PUNCTUATION or unicodedata.category(char).startswith("P")


def answer_exact(gold: Sequence[str], predicted: str, articles: str) -> float:
    """1 if the prediction equals one of the gold answers after normalisation, else 0; no gold means "no answer"."""
    found = normalise(predicted, articles)
    return float(any(normalise(answer, articles) == found for answer in _or_none(gold, articles)))


def answer_f1(gold: Sequence[str], predicted: str, articles: str) -> float:
    """The best F1 of the words that the prediction shares with a gold answer; no gold means "no answer"."""
    found = normalise(predicted, articles)
    return max(_word_f1(normalise(answer, articles), found) for answer in _or_none(gold, articles))


def _or_none(gold: Sequence[str], articles: str) -> Sequence[str]:
    return [answer for answer in gold if normalise(answer, articles)] or [""]


def _word_f1(gold: list[str], found: list[str]) -> float:
    if not gold or not found:
        return float(gold == found)
    shared = (Counter(gold) & Counter(found)).total()
    return 2 * shared / (len(gold) + len(found))
