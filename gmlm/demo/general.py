"""General German: short texts on news, weather, travel, sport, offices and everyday life, without clinical words."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache

from gmlm.demo.quantities import NUMBERS
from gmlm.demo.templates import Filler, render_pattern, slot_names
from gmlm.demo.terms import Phrase, Term, read_table

_RANGES = {"number": (120, 90_000), "count": (12, 900), "small": (2, 40), "degree": (-8, 36)}


def general_texts(choose: random.Random, characters: int) -> Iterator[tuple[str, str]]:
    """Texts of twelve to 24 sentences of one domain with their names, until there are enough characters."""
    written = number = 0
    domains = list(_patterns())
    while written < characters:
        domain = domains[number % len(domains)]
        pool = _patterns()[domain]
        chosen = choose.choices(pool, k=choose.randint(12, 24))
        text = " ".join(_say(pattern, choose) for pattern in chosen) + "\n"
        yield f"{domain}/{number:05d}", text
        written += len(text)
        number += 1


def _say(pattern: str, choose: random.Random) -> str:
    fillers: dict[str, Filler] = {slot: _filler(slot.rstrip("0123456789"), choose) for slot in slot_names(pattern)}
    return render_pattern(pattern, fillers, "de").text


def _filler(kind: str, choose: random.Random) -> Filler:
    if kind in _RANGES:
        return _plain(str(choose.randint(*_RANGES[kind])))
    if kind == "day":
        return NUMBERS["date"](choose)
    if kind in NUMBERS:
        return NUMBERS[kind](choose)
    if kind == "compound":
        modifier, head = choose.choice(_words()["modifier"]), choose.choice(_words()["head"])
        return _compound(modifier, head)
    return choose.choice(_words()[kind])


def _plain(text: str) -> Phrase:
    return Phrase(text, text)


def _compound(modifier: Filler, head: Filler) -> Term:
    """A compound such as Sommerfest."""
    assert isinstance(head, Term)
    genitive = modifier.de + head.genitive.lower() if head.genitive else ""
    return _noun(modifier.de + head.de.lower(), head.gender, genitive)


def _noun(german: str, gender: str, genitive: str = "") -> Term:
    return Term("general", "", german, False, False, german, gender, genitive)  # type: ignore[arg-type]


def _word(kind: str, entry: str) -> Filler:
    word, _, grammar = entry.partition(":")
    gender, _, genitive = grammar.partition("/")
    if kind == "adj":
        return _plain(word + "~")
    return _noun(word, gender, genitive) if gender else _plain(word)


@cache
def _words() -> dict[str, tuple[Filler, ...]]:
    rows = read_table("lexicon/general.tsv")
    return {row["kind"]: tuple(_word(row["kind"], entry) for entry in row["words"].split(", ")) for row in rows}


@cache
def _patterns() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for row in read_table("templates/general.tsv"):
        found.setdefault(row["domain"], []).append(row["pattern"])
    return {domain: tuple(patterns) for domain, patterns in found.items()}
