"""A score for each translated segment, from 0 to 1, without a reference: what is wrong with it, and how much.

The score is the product of what each check leaves: length, copying, repetition, truncation, numbers, units,
placeholders and language. Nothing is dropped by a single check, as filters on numbers alone discard good text
(mozilla/translations, issue 814): documents are judged by the mean of their segments.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from gmlm.language import identified_language
from gmlm.translation.quality import (
    SHORT_SEGMENT,
    Flag,
    LengthLimits,
    copied_share,
    flags_of,
    numbers_in,
    word_count,
)

PLAUSIBLE = LengthLimits(0.5, 1.9)
"""German words per English word: all good pairs of WMT's medical test sets lie within, their median is 1.1."""
LANGUAGE_FROM = 60
"""Characters from which the language of a segment is identified."""
CUT_BELOW = 0.8
"""Words per word of the source below which an output without its final stop is taken for cut off."""
PLACEHOLDER = re.compile(r"\[\*\*.*?\*\*\]|_{3,}")
"""What stands for identifying text in MIMIC-III and MIMIC-IV."""
SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]*\Z")
UNIT = re.compile(
    r"(?<=[\d\s])(mmol/l|mg/dl|g/dl|mmhg|mcg|µg|ug|mg|kg|ml|dl|cm|mm|mmol|mosm|meq|mval|iu|ie|hz|kcal|°c|°f|%)"
    r"(?![a-zäöüß])",
    re.IGNORECASE,
)
SAME_UNIT = {"mcg": "µg", "ug": "µg", "iu": "ie", "meq": "mval"}
"""Symbols that change with the language, or have two forms."""


@dataclass(frozen=True)
class Assessment:
    """The score of a segment and what is suspicious about it."""

    score: float
    flags: tuple[Flag, ...]


def assess(source: str, target: str, limits: LengthLimits) -> Assessment:
    """Judge the translation of a segment that has something to translate; `limits` are those of the flag `length`."""
    flags = list(flags_of(source, target, limits))
    if "empty" in flags:
        return Assessment(0.0, ("empty",))
    units = _kept(_units(source), _units(target))
    placeholders = _kept(Counter(PLACEHOLDER.findall(source)), Counter(PLACEHOLDER.findall(target)))
    found: dict[Flag, bool] = {
        "truncated": _is_cut(source, target),
        "units": units < 1,
        "placeholders": placeholders < 1,
        "language": len(target) >= LANGUAGE_FROM and identified_language(target) == "en",
    }
    flags += [flag for flag, applies in found.items() if applies]
    score = _length_score(source, target) * (1 - copied_share(source, target))
    score *= (0.5 + 0.5 * _kept(numbers_in(source), numbers_in(target, words=True))) * (0.5 + 0.5 * units)
    score *= placeholders * 0.5 ** sum(flag in flags for flag in ("repetition", "truncated", "language"))
    return Assessment(round(score, 4), tuple(flags))


def _length_score(source: str, target: str) -> float:
    """1 within the plausible ratios, falling to 0 with the distance from them; 1 for short segments."""
    words = word_count(source)
    if words <= SHORT_SEGMENT:
        return 1.0
    ratio = word_count(target) / words
    return min(1.0, ratio / PLAUSIBLE.lowest, PLAUSIBLE.highest / max(ratio, 1e-9))


def _is_cut(source: str, target: str) -> bool:
    words = word_count(source)
    lost_its_end = SENTENCE_END.search(source) is not None and SENTENCE_END.search(target.strip()) is None
    return words > SHORT_SEGMENT and lost_its_end and word_count(target) < CUT_BELOW * words


def _units(text: str) -> Counter[str]:
    symbols = (symbol.lower() for symbol in UNIT.findall(text))
    return Counter(SAME_UNIT.get(symbol, symbol) for symbol in symbols)


def _kept(source: Counter[str], target: Counter[str]) -> float:
    """Share of what the source holds that the target holds too; 1 where there is nothing to keep."""
    return (source & target).total() / source.total() if source else 1.0
