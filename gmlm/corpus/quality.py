"""Quality rules for single texts: Gopher's (Rae et al. 2021, arXiv 2112.11446, appendix A1.1), C4's (Raffel et al.
2020, arXiv 1910.10683, section 2.2), and some for clinical text that those for web pages do not know.

Words are what stands between white space, as Gopher counts them. Thresholds are the published ones.
"""  # noqa: D205

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from operator import itemgetter

STOP_WORDS = {
    "de": frozenset(("der", "die", "und", "in", "den", "von", "zu", "das", "mit", "ist", "des", "nicht", "bei")),
    "en": frozenset(("the", "be", "to", "of", "and", "that", "have", "with")),
}
"""Gopher's words for English; for German the commonest of newspapers and of clinical letters."""
TOP_NGRAMS = ((2, 0.20), (3, 0.18), (4, 0.16))
DUPLICATE_NGRAMS = ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
_LETTER_OR_DIGIT, _LETTER = re.compile(r"\w"), re.compile(r"[^\W\d_]")
_PARAGRAPHS, _LINES = re.compile(r"\n{2,}"), re.compile(r"\n+")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_BLANKS = re.compile(r"\[\*\*[^\]]*\*\*\]|_{3,}|<[A-Z_]{2,}>")
_DAMAGED = re.compile("\ufffd|Ã[\x80-\xbf¤¶¼Ÿ„–œ]|â€|Â[\xa0-\xbf]")


class Measured:
    """A text and what rules look at, each counted once."""

    def __init__(self, text: str, language: str) -> None:
        self.text, self.language = text, language

    @cached_property
    def words(self) -> list[str]:
        """What stands between white space."""
        return self.text.split()

    @cached_property
    def spoken(self) -> list[str]:
        """The words that hold a letter or digit."""
        return [word for word in self.words if word.isalnum() or _LETTER_OR_DIGIT.search(word)]

    @cached_property
    def with_letters(self) -> int:
        """Number of words that hold a letter."""
        unsure = [word for word in self.words if not word.isalpha()]
        return len(self.words) - sum(_LETTER.search(word) is None for word in unsure)

    @cached_property
    def lines(self) -> list[str]:
        """Its lines."""
        return self.text.splitlines()

    def share(self, number: float) -> float:
        """A number of words as share of all."""
        return number / max(len(self.words), 1)

    def lines_that(self, holds: Callable[[str], bool]) -> float:
        """Share of the lines for which something holds."""
        return sum(map(holds, self.lines)) / max(len(self.lines), 1)


def _mean_length(text: Measured) -> float:
    return sum(map(len, text.spoken)) / max(len(text.spoken), 1)


def _paragraphs(text: Measured) -> list[str]:
    return _PARAGRAPHS.split(text.text) if "\n\n" in text.text else [text.text]


def _filled_lines(text: Measured) -> list[str]:
    return _LINES.split(text.text) if "\n\n" in text.text else text.text.split("\n")


def _repeated(parts: Sequence[str], text: Measured, *, most: float, most_characters: float) -> bool:
    """Whether too many of the parts, or of the characters, are in parts that occurred before."""
    if len(set(parts)) == len(parts):
        return False
    seen, number, characters = set[str](), 0, 0
    for part in parts:
        if part in seen:
            number, characters = number + 1, characters + len(part)
        seen.add(part)
    return number / len(parts) > most or characters / len(text.text) > most_characters


def _top_ngram(text: Measured) -> bool:
    longest, often = max(map(len, text.words), default=0), len(text.words)
    for n, most in TOP_NGRAMS:
        if (n * longest + n - 1) * often <= most * len(text.text):
            continue  # no longer n-gram occurs more often than the commonest shorter one
        found = Counter(zip(*(text.words[start:] for start in range(n)), strict=False))
        if found:
            ngram, often = max(found.items(), key=itemgetter(1))
            if (sum(map(len, ngram)) + n - 1) * often / len(text.text) > most:
                return True
    return False


def _duplicate_ngrams(text: Measured) -> bool:
    words = text.words
    if len(set(zip(*(words[start:] for start in range(5)), strict=False))) == max(len(words) - 4, 0):
        return False  # without a repeated 5-gram no longer one is repeated
    return any(_duplicated_characters(words, n) / len(text.text) > most for n, most in DUPLICATE_NGRAMS)


def _duplicated_characters(words: Sequence[str], n: int) -> int:
    """Characters in n-grams that occurred before, none counted twice."""
    seen, characters, place = set[tuple[str, ...]](), 0, 0
    while place <= len(words) - n:
        ngram = tuple(words[place : place + n])
        if ngram in seen:
            characters, place = characters + sum(map(len, ngram)), place + n
        else:
            seen.add(ngram)
            place += 1
    return characters


def _starts_as_bullet(line: str) -> bool:
    return line.lstrip().startswith(("•", "-"))


def _ends_in_ellipsis(line: str) -> bool:
    return line.rstrip().endswith(("...", "…"))


Rule = Callable[[Measured], bool]
"""Whether a text is to be dropped."""

RULES: dict[str, dict[str, Rule]] = {
    "gopher": {
        "number of words": lambda text: not 50 <= len(text.spoken) <= 100_000,
        "length of words": lambda text: not 3 <= _mean_length(text) <= 10,
        "symbols": lambda text: (
            text.share(text.text.count("#")) > 0.1 or text.share(text.text.count("...") + text.text.count("…")) > 0.1
        ),
        "bullets": lambda text: text.lines_that(_starts_as_bullet) > 0.9,
        "ellipses": lambda text: text.lines_that(_ends_in_ellipsis) > 0.3,
        "words without letters": lambda text: text.share(text.with_letters) < 0.8,
        "stop words": lambda text: len(STOP_WORDS[text.language].intersection(text.words)) < 2,
    },
    "gopher_repetition": {
        "repeated paragraphs": lambda text: _repeated(_paragraphs(text), text, most=0.3, most_characters=0.2),
        "repeated lines": lambda text: _repeated(_filled_lines(text), text, most=0.3, most_characters=0.2),
        "one n-gram": _top_ngram,
        "repeated n-grams": _duplicate_ngrams,
    },
    "c4": {
        "placeholder text": lambda text: "lorem ipsum" in text.text.lower(),
        "program code": lambda text: "{" in text.text or "javascript" in text.text.lower(),
        "number of sentences": lambda text: len(_SENTENCE_END.findall(text.text)) < 3,
    },
    "clinical": {
        "mostly blanks": lambda text: text.share(len(_BLANKS.findall(text.text))) > 0.2,
        "mostly figures": lambda text: text.share(len(text.words) - text.with_letters) > 0.6,
        "damaged characters": lambda text: len(_DAMAGED.findall(text.text)) > 0.005 * len(text.text),
        "one character per word": lambda text: text.share(sum(len(word) == 1 for word in text.words)) > 0.5,
    },
}
"""The rules by set, each by what it looks at, in the order in which they are applied.

`clinical` lets short lines, lists and tables pass, which Gopher's and C4's rules drop, and drops forms that hold little
but blanks left by de-identification, tables of figures, text decoded wrongly, and s p a c e d text of bad scans.
"""
