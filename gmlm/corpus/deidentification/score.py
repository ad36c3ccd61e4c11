"""How much of what annotators marked is found: recall and precision by kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gmlm.config.corpora import IdentifierKind
from gmlm.corpus.deidentification.identifiers import KINDS, Identifier
from gmlm.errors import DataFormatError

PREFIXES: tuple[tuple[str, IdentifierKind], ...] = (
    ("NAME_TITLE", "title"),
    ("NAME", "name"),
    ("PER", "name"),
    ("DATE", "date"),
    ("ID", "id"),
    ("CONTACT", "contact"),
    ("LOCATION_HOSPITAL", "institution"),
    ("LOCATION_ORGANIZATION", "institution"),
    ("ORG", "institution"),
    ("LOC", "address"),
    ("AGE", "age"),
)
"""Kinds of the labels of GraSCCo-PHI, and of common models, by how they begin."""


@dataclass
class Score:
    """Counts of one kind: marked stretches, those of them found whole, found ones, those of them on a marked one."""

    marked: int = 0
    covered: int = 0
    found: int = 0
    right: int = 0

    @property
    def recall(self) -> float:
        """Share of the marked stretches that are replaced whole, by whatever kind."""
        return self.covered / self.marked if self.marked else 0.0

    @property
    def precision(self) -> float:
        """Share of the found stretches that overlap a marked one, of whatever kind."""
        return self.right / self.found if self.found else 0.0


def kind_of(label: str) -> IdentifierKind:
    """The kind that a label stands for; other identifying details are `other`."""
    plain = label.removeprefix("B-").removeprefix("I-").upper()
    return next((kind for prefix, kind in PREFIXES if plain.startswith(prefix)), "other")


def read_marked(path: Path) -> Iterator[tuple[str, str, list[Identifier]]]:
    """Id, text and marked stretches of each line of a JSONL file.

    A line has `text` and `entities` as lists of start, end and label, or `spans` as objects with those keys. What is
    marked without a label is `other`.

    Raises:
        DataFormatError: A line is not so.
    """
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            spans = record["entities"] if "entities" in record else [_triple(span) for span in record["spans"]]
            marked = [Identifier(int(span[0]), int(span[1]), kind_of(span[2] or "")) for span in spans]
            yield str(record.get("id", number)), str(record["text"]), marked
        except (ValueError, KeyError, TypeError, IndexError):
            fix = "give one JSON object a line with 'text' and 'entities' ([start, end, label]) or 'spans'"
            raise DataFormatError("not a text with marked stretches", where=f"{path}, line {number}", fix=fix) from None


def _triple(span: dict[str, Any]) -> tuple[Any, Any, Any]:
    return span["start"], span["end"], span["label"]


def score(
    marked: Sequence[tuple[str, str, list[Identifier]]], find: Callable[[str], Sequence[Identifier]]
) -> dict[str, Score]:
    """The scores by kind and over `all` kinds."""
    scores = {name: Score() for name in (*KINDS, "all")}
    for _, text, gold in marked:
        found = find(text)
        replaced = {place for each in found for place in range(each.start, each.end)}
        for each in gold:
            whole = all(
                place in replaced or not text[place].strip("\ufeff \t\n\xa0") for place in range(each.start, each.end)
            )
            for name in (each.kind, "all"):
                scores[name].marked += 1
                scores[name].covered += whole
        places = {place for each in gold for place in range(each.start, each.end)}
        for each in found:
            on_marked = not places.isdisjoint(range(each.start, each.end))
            for name in (each.kind, "all"):
                scores[name].found += 1
                scores[name].right += on_marked
    return scores


def table(scores: dict[str, Score]) -> str:
    """The scores for a person to read."""
    rows = [f"{'kind':12} {'marked':>7} {'recall':>7} {'found':>7} {'precision':>9}"]
    for name, each in scores.items():
        if each.marked or each.found:
            rows.append(f"{name:12} {each.marked:7d} {each.recall:7.3f} {each.found:7d} {each.precision:9.3f}")
    return "\n".join(rows)
