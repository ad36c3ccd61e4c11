"""Exact match and F1 of answers as in SQuAD (Rajpurkar et al., 2016, 2018; MLQA for German), articles by choice.

SQuAD's script removes English articles whatever the language; MLQA's script (Lewis et al., 2020) removes those of the
answer's language. Which ones were removed changes the score, so every score names it.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = {
    "english": ("a", "an", "the"),
    "german": ("ein", "eine", "einen", "einem", "eines", "einer", "der", "die", "das", "den", "dem", "des"),
    "none": (),
}
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(answer: str, articles: str) -> list[str]:
    """The answer's words in lower case, without ASCII punctuation and without articles.

    Args:
        answer: Text of an answer.
        articles: `english`, `german` or `none`.
    """
    text = answer.lower().translate(_PUNCTUATION)
    if words := _ARTICLES[articles]:
        text = re.sub(rf"\b({'|'.join(words)})\b", " ", text)
    return text.split()


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
