"""Spans by a conditional random field over words (Lafferty et al. 2001), trained by CRFsuite."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sklearn_crfsuite import CRF  # type: ignore[import-untyped]

_WORD = re.compile(r"\w+|[^\w\s]")
_SENTENCE_END = frozenset(".!?")
Word = tuple[int, int, str]
"""Start, end and text."""


def predict_spans(
    train: Sequence[Mapping[str, Any]], dev: Sequence[Mapping[str, Any]], test: Sequence[Mapping[str, Any]]
) -> list[list[Any]]:
    """Spans of dev and test by a CRF with CRFsuite's usual regularisation.

    Sentences end at full stops and line breaks. Spans that end within words, and those inside others, are not learnt.
    """
    sentences = [sentence for example in train for sentence in _sentences(example)]
    crf = CRF(algorithm="lbfgs", c1=0.1, c2=0.1, max_iterations=100, all_possible_transitions=True)
    crf.fit([_features(words) for words, _ in sentences], [tags for _, tags in sentences])
    return [[_spans(crf, example) for example in split] for split in (dev, test)]


def _sentences(example: Mapping[str, Any]) -> Iterator[tuple[list[Word], list[str]]]:
    """Words and BIO tags of each sentence of a text."""
    spans = sorted(((span["start"], span["end"], span["label"]) for span in example["spans"]), key=lambda s: s[:2])
    for words in _split(example["text"]):
        yield words, [_tag(word, spans) for word in words]


def _split(text: str) -> Iterator[list[Word]]:
    words: list[Word] = []
    for found in _WORD.finditer(text):
        if words and ("\n" in text[words[-1][1] : found.start()] or words[-1][2] in _SENTENCE_END):
            yield words
            words = []
        words.append((found.start(), found.end(), found.group()))
    if words:
        yield words


def _tag(word: Word, spans: Sequence[tuple[int, int, str]]) -> str:
    for start, end, label in spans:
        if start <= word[0] and word[1] <= end:
            return f"{'B' if start == word[0] else 'I'}-{label}"
    return "O"


def _features(words: Sequence[Word]) -> list[dict[str, str | bool]]:
    """The word, its shape and its ends, and the same of its neighbours."""
    own = [_own(text) for _, _, text in words]
    rows: list[dict[str, str | bool]] = []
    for index in range(len(words)):
        row: dict[str, str | bool] = {"bias": True}
        for shift in range(-2, 3):
            if 0 <= index + shift < len(words):
                row |= {f"{shift}:{name}": value for name, value in own[index + shift].items()}
            else:
                row[f"{shift}:outside"] = True
        rows.append(row)
    return rows


def _own(text: str) -> dict[str, str | bool]:
    shape = re.sub(r"\d+", "0", re.sub(r"[a-zäöüß]+", "a", re.sub(r"[A-ZÄÖÜ]+", "A", text)))
    return {"word": text.lower(), "shape": shape, "end": text[-3:].lower(), "start": text[:3].lower()}


def _spans(crf: CRF, example: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Spans of the predicted tags; an I- behind another label begins a span."""
    found: list[dict[str, Any]] = []
    for words in _split(example["text"]):
        previous = "O"
        for (start, end, _), tag in zip(words, crf.predict_single(_features(words)), strict=True):
            if tag != "O":
                if tag[0] == "I" and previous[2:] == tag[2:]:
                    found[-1]["end"] = end
                else:
                    found.append({"start": start, "end": end, "label": tag[2:]})
            previous = str(tag)
    return found
