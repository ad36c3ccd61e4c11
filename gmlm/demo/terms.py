"""The lexicon: terms of the clinical world in English and German, read from the tables beside this module."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Literal

Gender = Literal["m", "f", "n", "p"]
"""Masculine, feminine, neuter; `p` for a word used in the plural."""

LABELS = {
    "diagnosis": "DIAGNOSIS",
    "finding": "FINDING",
    "drug": "DRUG",
    "procedure": "PROCEDURE",
    "anatomy": "ANATOMY",
    "lab": "LAB",
}
"""Label in the entity task of each kind of term."""


@dataclass(frozen=True)
class Term:
    """One entry of the lexicon.

    Attributes:
        kind: `diagnosis`, `finding`, `drug`, ...; see `LABELS`.
        chapters: Letters of the ICD-10-like chapters that it belongs to.
        en: English name without article.
        countable: English takes an indefinite article.
        en_plural: The English name is a plural.
        de: German name; adjectives end in `~` where an ending belongs, as in `akut~ Pankreatitis`.
        gender: Gender of the German noun.
        genitive: Genitive of the German noun where it is not formed by rule; `-` where it has no ending.
        settings: Doses of a drug, or unit and range of a laboratory value.
        compound: Made of a region of the body and a head noun, not listed by itself.
    """

    kind: str
    chapters: str
    en: str
    countable: bool
    en_plural: bool
    de: str
    gender: Gender
    genitive: str = ""
    settings: tuple[str, ...] = ()
    compound: bool = False


def read_table(name: str) -> Iterator[dict[str, str]]:
    """The rows of a tab-separated table of this package, such as `lexicon/drugs.tsv`."""
    text = files("gmlm.demo").joinpath(name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)


def _term(kind: str, chapters: str, english: str, german: str, gender: str, *settings: str) -> Term:
    countable = english.startswith(("a ", "an "))
    name = english.removeprefix("a ").removeprefix("an ").removeprefix("~")
    letter, _, genitive = gender.partition("/")
    plural = english.startswith("~")
    return Term(kind, chapters, name, countable, plural, german, letter, genitive, settings)  # type: ignore[arg-type]


@cache
def lexicon() -> dict[str, tuple[Term, ...]]:
    """All terms by kind, in the order of the tables; compounds of anatomy follow the listed terms."""
    anatomy = list(read_table("lexicon/anatomy.tsv"))
    terms = [_term("diagnosis", row["code"][0], row["en"], row["de"], row["gender"]) for row in _rows("diagnoses")]
    for kind, table in (("finding", "findings"), ("procedure", "procedures"), ("anatomy", "anatomy")):
        terms += [_term(kind, row["chapters"], row["en"], row["de"], row["gender"]) for row in _rows(table)]
    for row in _rows("drugs"):
        terms.append(_term("drug", row["chapters"], row["en"], row["de"], "n/-", *row["doses"].split(",")))
    for row in _rows("labs"):
        range_ = (row["unit"], row["low"], row["high"], row["decimals"])
        terms.append(_term("lab", row["chapters"], row["en"], row["de"], row["gender"], *range_))
    names = {name for term in terms for name in (term.en, term.de)}
    terms += [term for term in _compounds(anatomy) if not names & {term.en, term.de}]
    return {kind: tuple(term for term in terms if term.kind == kind) for kind in LABELS}


def _rows(table: str) -> Iterator[dict[str, str]]:
    return read_table(f"lexicon/{table}.tsv")


def _compounds(anatomy: list[dict[str, str]]) -> Iterator[Term]:
    """Words such as Leberzyste: each region of the body with each head noun."""
    for head in _rows("compounds"):
        for region in anatomy:
            if region["stem"] == "-":
                continue
            chapters = region["chapters"][0] if head["chapter"] == "-" else head["chapter"]
            english = head["en"].format(region["en"].removeprefix("left ").removeprefix("right "))
            german, gender = (head[column].format(region["stem"]) for column in ("de", "gender"))
            yield replace(_term(head["kind"], chapters, english, german, gender), compound=True)


@dataclass(frozen=True)
class Phrase:
    """A pair of fixed expressions, such as `twice daily` and `zweimal tgl.`; `gender` where it is a noun."""

    en: str
    de: str
    gender: str = ""
    dative: str = ""


@cache
def phrases() -> dict[str, tuple[Phrase, ...]]:
    """Fixed expressions by kind."""
    found: dict[str, list[Phrase]] = {}
    for row in _rows("phrases"):
        found.setdefault(row["kind"], []).append(Phrase(row["en"], row["de"], row["gender"], row["dative"]))
    return {kind: tuple(items) for kind, items in found.items()}


@cache
def adjectives() -> dict[str, tuple[Phrase, ...]]:
    """Adjectives by kind (`severity`, `course`); German stems end in `~`."""
    found: dict[str, list[Phrase]] = {}
    for row in _rows("adjectives"):
        found.setdefault(row["kind"], []).append(Phrase(row["en"], row["de"]))
    return {kind: tuple(items) for kind, items in found.items()}
