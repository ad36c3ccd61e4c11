"""Sentence templates: one pair of patterns for both languages, rendered from the same frame.

A slot is written `{kind}`, with a number to tell several of a kind apart (`{drug2}`), an adjective before it
(`{severity+finding}`) and a form behind it: `{diagnosis|def gen}` asks for article and case, `{finding|was/were}` for
the word that agrees with the slot in number, `{person|article def nom}` for the article alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from gmlm.demo.inflection import Article, Case, article, indefinite_article, noun_phrase
from gmlm.demo.terms import LABELS, Phrase, Term, read_table

Filler = Term | Phrase
Fillers = Mapping[str, Filler]
_SLOT = re.compile(r"\{(?:(\w+)\+)?([a-z]+\d?)(?:\|([^}]*))?\}")


@dataclass(frozen=True)
class Span:
    """A stretch of a text that names a term, found under a slot of its template."""

    start: int
    end: int
    slot: str
    term: Term

    @property
    def label(self) -> str:
        """Its label in the entity task."""
        return LABELS[self.term.kind]

    def shift(self, offset: int) -> Span:
        """The same span in a text where the sentence starts at `offset`."""
        return Span(self.start + offset, self.end + offset, self.slot, self.term)


@dataclass(frozen=True)
class Text:
    """A rendered sentence; `slots` holds where each slot's name stands, whether it is a term or not."""

    text: str
    spans: tuple[Span, ...]
    slots: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Sentence:
    """One frame said in both languages."""

    template: Template
    fillers: Fillers
    en: Text
    de: Text


@dataclass(frozen=True)
class Template:
    """A pattern in each language for the same frame."""

    id: str
    section: str
    en: str
    de: str

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the slots, adjectives included, in the order of the English pattern."""
        return slot_names(self.en + self.de)

    @property
    def is_bare(self) -> bool:
        """Whether it is nothing but one slot, so that its sentences are the lexicon itself."""
        return _SLOT.fullmatch(self.en) is not None


@cache
def slot_names(pattern: str) -> tuple[str, ...]:
    """Names of the slots of a pattern, adjectives included, in order."""
    names: dict[str, None] = {}
    for adjective, name, _ in _SLOT.findall(pattern):
        names.update({part: None for part in (adjective, name) if part})
    return tuple(names)


@cache
def _parse(pattern: str) -> tuple[list[tuple[str, str, str, str]], str]:
    """The slots as (text before it, adjective, name, form), and the text behind the last."""
    parts, end = list[tuple[str, str, str, str]](), 0
    for match in _SLOT.finditer(pattern):
        adjective, slot, form = match.groups()
        parts.append((pattern[end : match.start()], adjective or "", slot, form or ""))
        end = match.end()
    return parts, pattern[end:]


def render_pattern(pattern: str, fillers: Fillers, language: str) -> Text:
    """Fill a pattern of one language; the first letter becomes a capital."""
    say = english if language == "en" else german
    parts, tail = _parse(pattern)
    text, spans, slots = "", list[Span](), dict[str, tuple[int, int]]()
    for before, adjective, slot, form in parts:
        text += before
        filler = fillers[slot]
        lead, name = say(filler, form, fillers[adjective] if adjective else None)
        text, lead = _contract(text, lead) if language == "de" and lead else (text, lead)
        text += f"{lead} " if lead and name else lead
        if name:
            slots.setdefault(slot, (len(text), len(text) + len(name)))
            if isinstance(filler, Term):
                spans.append(Span(len(text), len(text) + len(name), slot, filler))
        text += name
    text += "" if tail == "." and text.endswith(".") else tail
    return Text(text[:1].upper() + text[1:], tuple(spans), slots)


_CONTRACTIONS = {
    ("in", "dem"): "im",
    ("an", "dem"): "am",
    ("bei", "dem"): "beim",
    ("von", "dem"): "vom",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
}


def _contract(text: str, lead: str) -> tuple[str, str]:
    """Join preposition and article: `in` + `dem` is `im`."""
    article_, _, rest = lead.partition(" ")
    head, _, preposition = text.rstrip().rpartition(" ")
    joined = _CONTRACTIONS.get((preposition.lower(), article_))
    if joined is None:
        return text, lead
    joined = joined.capitalize() if preposition[:1].isupper() else joined
    return f"{head} {joined} ".lstrip(), rest


def english(filler: Filler, form: str, adjective: Filler | None) -> tuple[str, str]:
    """What stands before the name (article, adjective, or an agreeing word alone) and the name in English."""
    if "/" in form:
        singular, plural = form.split("/")
        return (plural if isinstance(filler, Term) and filler.en_plural else singular), ""
    lead = adjective.en if adjective else ""
    if form == "the":
        lead = f"the {lead}".strip()
    elif form == "a" and isinstance(filler, Term) and filler.countable:
        lead = f"{indefinite_article(lead or filler.en)} {lead}".strip()
    return lead, filler.en


def german(filler: Filler, form: str, adjective: Filler | None) -> tuple[str, str]:
    """What stands before the name and the name in German; an adjective in front belongs to the former."""
    if "/" in form:
        singular, plural = form.split("/")
        return (plural if filler.gender == "p" else singular), ""
    kind, case, only_article = _parse_form(form)
    if not filler.gender:
        return "", (filler.dative if isinstance(filler, Phrase) and case == "dat" and filler.dative else filler.de)
    lead = article(kind, case, filler.gender)
    if only_article:
        return lead, ""
    if adjective:
        lead = f"{lead} {noun_phrase(adjective.de, kind, case, filler.gender)}".strip()
    genitive = filler.genitive if isinstance(filler, Term) else ""
    return lead, noun_phrase(filler.de, kind, case, filler.gender, genitive)


@cache
def _parse_form(form: str) -> tuple[Article, Case, bool]:
    kind: Article = ""
    case: Case = "nom"
    for word in form.split():
        if word in ("def", "indef", "kein"):
            kind = word  # type: ignore[assignment]
        elif word in ("nom", "acc", "dat", "gen"):
            case = word  # type: ignore[assignment]
    return kind, case, form.startswith("article")


@cache
def templates() -> dict[str, tuple[Template, ...]]:
    """All templates by section, in the order of the table."""
    found: dict[str, list[Template]] = {}
    for row in read_table("templates/clinical.tsv"):
        found.setdefault(row["section"], []).append(Template(row["id"], row["section"], row["en"], row["de"]))
    return {section: tuple(items) for section, items in found.items()}


@cache
def headings() -> dict[str, Phrase]:
    """The heading of each section in both languages."""
    return {row["section"]: Phrase(row["en"], row["de"]) for row in read_table("templates/headings.tsv")}
