"""Fills the blanks that MIMIC has for identifiers with made-up ones of their type.

MIMIC-III names the type (`[**Hospital1 18**]`, `[**2118-6-2**]`); the underscores of MIMIC-IV do not, so theirs is
taken from the words before them, and where these tell nothing the blank stays. Blanks left in running text teach a
model their form rather than what stands around names and dates.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b

from gmlm.corpus.deidentification.surrogates import CITIES, FAMILY_NAMES, GIVEN_NAMES, INSTITUTIONS, STREETS

_BLANK = re.compile(r"\[\*\*(?P<type>[^\]*]*)\*\*\]|(?<!_)___(?!_)")
_DATE = re.compile(r"\d{1,4}(?:[-/]\d{1,2}){0,2}")
_MONTHS = ("January", "March", "April", "May", "June", "July", "September", "October", "November", "December")

Draw = Callable[[int], int]


def _number(digits: int) -> Callable[[Draw], str]:
    return lambda draw: str(10 ** (digits - 1) + draw(9 * 10 ** (digits - 1)))


def _one_of(values: tuple[str, ...] | list[str]) -> Callable[[Draw], str]:
    return lambda draw: values[draw(len(values))]


_BY_TYPE: tuple[tuple[re.Pattern[str], Callable[[Draw], str]], ...] = tuple(
    (re.compile(rule, re.I), filler)
    for rule, filler in (
        (r"first\s?name|female|male\b|dictator", _one_of(GIVEN_NAMES)),
        (r"initial", lambda draw: "ABCDEFGHKLMNPRSTW"[draw(17)]),
        (r"name|doctor|attending|provider", _one_of(FAMILY_NAMES)),
        (r"hospital|clinic|ward|university|company", _one_of(INSTITUTIONS)),
        (r"street|address|po box", lambda draw: f"{STREETS[draw(len(STREETS))]} {1 + draw(99)}"),
        (r"location|city|state|country|town", _one_of(CITIES)),
        (r"telephone|fax|pager|phone|contact", lambda draw: f"0{200 + draw(700)} {100_000 + draw(900_000)}"),
        (r"zip", _number(5)),
        (r"age over 90", lambda draw: str(90 + draw(9))),
        (r"month", _one_of(_MONTHS)),
        (r"date|day", lambda draw: f"{1 + draw(12)}/{1 + draw(28)}"),
        (r"year", lambda draw: str(2000 + draw(20))),
        (r"number|record|numeric|identifier|ssn|job|unit|serial|md|id\b", _number(7)),
    )
)
_BY_WORDS_BEFORE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rule + r"\W*$", re.I), kind)
    for rule, kind in (
        (r"\b(?:Mr|Mrs|Ms|Dr|Miss|Name|Attending|by|Doctor)\.?:?", "name"),
        (r"\b(?:Date|on|since|until|DOB|Birth|dated|Discharged?|Admitted|signed):?", "date"),
        (r"\b(?:Unit No|MRN|Number|No|#|ID):?", "number"),
        (r"\b(?:Phone|Tel|Fax|Pager|call):?", "telephone"),
        (r"\b(?:Hospital|transferred to|transferred from|OSH|admitted to):?", "hospital"),
        (r"\b(?:lives in|from|in):?", "city"),
    )
)


def filled(text: str, document: str, seed: int) -> str:
    """The text with its blanks filled; the same blank of MIMIC-III with the same, drawn by document and seed."""
    key = blake2b(f"{seed}/{document}".encode(errors="surrogatepass"), digest_size=32).digest()

    def fill(match: re.Match[str]) -> str:
        kind = match.group("type")
        if kind is None:
            before = text[max(0, match.start() - 40) : match.start()].rpartition("\n")[2]
            kind = next((kind for rule, kind in _BY_WORDS_BEFORE if rule.search(before)), "")
            return _filler(kind, _drawing(key, f"{kind}/{match.start()}")) or match.group()
        return _filler(kind.strip(), _drawing(key, kind.strip())) or match.group()

    return _BLANK.sub(fill, text)


def _filler(kind: str, draw: Draw) -> str | None:
    if _DATE.fullmatch(kind):
        return _near(kind)
    return next((filler(draw) for rule, filler in _BY_TYPE if rule.search(kind)), None)


def _near(blank: str) -> str:
    """The date of a blank, whose years lie in the far future, brought near: whole centuries back, the rest as it is.

    MIMIC shifted the dates of each patient already, keeping intervals, so they need no other shift.
    """
    parts = re.split(r"([-/])", blank)
    if len(parts[0]) == 4:
        parts[0] = str(1900 + int(parts[0]) % 100 if int(parts[0]) % 100 > 30 else 2000 + int(parts[0]) % 100)
    return "".join(parts)


def _drawing(key: bytes, what: str) -> Draw:
    digest = blake2b(what.encode(errors="surrogatepass"), key=key, digest_size=8).digest()
    return lambda below: int.from_bytes(digest, "big") % below
