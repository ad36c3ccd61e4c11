"""Case and patient numbers, wards, telephone and fax numbers, e-mail addresses, web pages, ages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gmlm.config.corpora import IdentifierKind
from gmlm.corpus.deidentification.identifiers import Identifier

_CALLED = (
    r"(?:Fall(?:nummer|zahl|-?\s?Nr\.?)|FN|FNR|E-?Nr\.?|Pat(?:ienten)?(?:nummer|-?\.?-?\s?(?:Nr|ID)\.?)|PID|ID"
    r"|Aufnahme(?:nummer|zahl|-?Nr\.?)|Versicherten(?:nummer|-?Nr\.?)|SV-?Nr\.?|Histo(?:logie)?-?(?:Nr\.?|nummer)"
    r"|Journal-?(?:Nr\.?|nummer)|(?:Eingangs|Auftrags|Befund)-?(?:nummer|Nr\.?)|Zimmer(?:-?Nr\.?)?|Bett(?:-?Nr\.?)?|IBAN)"
)
_DASH = r"[^\S\n]?[/–-][^\S\n]?"
_AREA = r"(?:\+\d{2,3}[\s/-]?(?:\(\d{1,5}\)[\s/-]?)?|\(?0)\d{1,5}\)?"
_PHONE = rf"{_AREA}(?:{_DASH}|[^\S\n])?\d{{2,}}(?:{_DASH}\d{{1,7}}|[^\S\n]\d{{2,5}}){{0,4}}"
_WARD = r"(?:[A-Z]{1,4}-?\d{1,3}[a-z]?|\d{3,4}|\d[A-Z]|[IV]{1,3}\b|\d\b)(?![.:,]?\d)"
_LINE = r"(?:[Tt]el(?:efon(?:nummer)?)?|TEL|[Ff]ax|FAX|Handy|Mobil|Durchwahl|DW|Nummer|Rufnummer|Fachbereich)\b\.?:?"
_RULES: tuple[tuple[IdentifierKind, re.Pattern[str]], ...] = (
    ("id", re.compile(rf"\b{_CALLED}\s*[:.]?\s*(?P<it>[A-Z]{{0,4}}[-\s]?\d[\d/.-]*\d)")),
    (
        "id",
        re.compile(rf"\b(?:(?:Intensiv|Normal)?[Ss]tation|Ambulanz|Onkologie|OP|Stat\.)[^\S\n]+(?P<it>{_WARD})"),
    ),
    ("id", re.compile(r"(?<![\d.,/-])(?P<it>[A-Z]{0,2}-?\d{7,12})(?![\d/])")),
    ("id", re.compile(r"(?<![\d.,/-])(?P<it>[A-Z]\d{3,7}/\d{2})(?!\d)")),
    ("contact", re.compile(rf"{_LINE}[^\S\n]*(?P<it>{_PHONE}|\d(?:[^\S\n]?[\d/-]){{2,12}}\d)")),
    ("contact", re.compile(rf"(?<![\d.,/])(?P<it>(?:\+\d{{2,3}}|\(?0\d{{2,5}}\)?){_DASH}\d{{3,}}(?:{_DASH}\d+)*)")),
    ("contact", re.compile(r"(?P<it>\+\d{2}[^\S\n]?(?:\(\d+\))?[^\S\n]?\d(?:[^\S\n]?[\d/-]){5,16})")),
    ("contact", re.compile(r"(?P<it>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)")),
    ("contact", re.compile(r"(?P<it>\b(?:https?://|www\.)[^\s,;)]+)")),
    ("age", re.compile(r"(?<![\d.,])(?P<it>\d{1,3})(?=[^\S\n]?-?[^\S\n]?(?:jährige|jähr\.|j\.|Jahre alt|Lj\.))")),
    ("age", re.compile(r"Alter von (?P<it>\d{1,3})\b")),
)


def find_numbers(text: str) -> Iterator[Identifier]:
    """Numbers that stand for a person, a case, a bed or a line."""
    for kind, rule in _RULES:
        for match in rule.finditer(text):
            yield Identifier(*match.span("it"), kind)
