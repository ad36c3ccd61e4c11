"""Answers by TF-IDF: the window of the context whose words are most like the question's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[^.!?\n]+")
Window = tuple[int, int]
"""First character and end of a stretch of the context."""


def predict_answers(
    train: Sequence[Mapping[str, Any]], dev: Sequence[Mapping[str, Any]], test: Sequence[Mapping[str, Any]]
) -> list[list[Any]]:
    """Answers of dev and test: within the sentence most like the question, the window that shares fewest of its words.

    Windows are as long as the median answer of train. Where train has questions without an answer, none is given below
    the similarity that does best on dev.
    """
    texts = [text for one in (*train, *dev, *test) for text in (one["context"], one["question"])]
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=200_000)
    vectorizer.fit(texts)
    lengths = [len(_WORD.findall(answer["text"])) for one in train for answer in one["answers"][:1]]
    words = max(1, round(float(np.median(lengths)))) if lengths else 3
    found = [[_answer(vectorizer, one, words) for one in split] for split in (dev, test)]
    threshold = _threshold(found[0], dev) if any(not one["answers"] for one in train) else 0.0
    return [[answer if likeness >= threshold else _nothing() for likeness, answer in rows] for rows in found]


def _nothing() -> dict[str, Any]:
    return {"text": "", "start": None, "best": []}


def _answer(vectorizer: Any, example: Mapping[str, Any], words: int) -> tuple[float, dict[str, Any]]:
    """The best window of the best sentence, and how like the question that sentence is."""
    context = example["context"]
    sentences = [(found.start(), found.end()) for found in _SENTENCE.finditer(context) if _WORD.search(found.group())]
    if not sentences:
        return 0.0, _nothing()
    question = vectorizer.transform([example["question"]])
    likeness = (vectorizer.transform([context[a:b] for a, b in sentences]) @ question.T).toarray().ravel()
    best = int(likeness.argmax())
    asked = {word.lower() for word in _WORD.findall(example["question"])}
    start, end = min(_windows(context, sentences[best], words), key=lambda window: _shared(context, window, asked))
    answer = {"text": context[start:end], "start": start}
    return float(likeness[best]), {**answer, "best": [{**answer, "score": float(likeness[best])}]}


def _windows(context: str, sentence: Window, words: int) -> Iterator[Window]:
    places = [found.span() for found in _WORD.finditer(context, *sentence)]
    for first in range(max(1, len(places) - words + 1)):
        yield places[first][0], places[min(first + words, len(places)) - 1][1]


def _shared(context: str, window: Window, asked: set[str]) -> tuple[int, int]:
    """How many words of the window the question has: an answer says what was not asked. Then the earlier window."""
    found = _WORD.findall(context[slice(*window)])
    return sum(word.lower() in asked for word in found), window[0]


def _threshold(found: Sequence[tuple[float, Any]], dev: Sequence[Mapping[str, Any]]) -> float:
    """The similarity that parts answered from unanswered questions of dev with the fewest errors."""
    answered = np.array([bool(one["answers"]) for one in dev])
    likeness = np.array([value for value, _ in found])
    cuts = np.unique(np.append(likeness, 0.0))
    errors = [int(((likeness >= cut) != answered).sum()) for cut in cuts]
    return float(cuts[int(np.argmin(errors))])
