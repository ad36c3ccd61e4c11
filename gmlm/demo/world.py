"""Patients of the clinical world: what occurs in one text fits together, since it comes from few chapters."""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from gmlm.demo.quantities import NUMBERS, amount, lab_value, placeholder
from gmlm.demo.templates import Filler, Sentence, Span, Template, render_pattern, templates
from gmlm.demo.terms import Term, adjectives, lexicon, phrases

CHAPTERS = "ACEFGIJKMNS"
"""Letters of the ICD-10-like chapters of the world."""

KINDS = {
    "condition": ("diagnosis", "finding"),
    "event": ("diagnosis", "procedure"),
    "therapy": ("drug", "procedure"),
    "mention": ("diagnosis", "finding", "procedure"),
    "excluded": ("diagnosis", "finding"),
    "familial": ("diagnosis",),
}
"""Slots that take terms of several kinds, so that a sentence alone does not tell what a word is."""

NOT_CODED = ("excluded", "familial")
"""Slots whose diagnoses are not the patient's."""

_COMPOUND_RATIO = 0.12
_PALETTE = {"diagnosis": 3, "finding": 6, "drug": 5, "procedure": 4, "anatomy": 4, "lab": 4}
_SIDES = {"translator": range(0, 45), "corpus": range(45, 80), "task": range(80, 100)}


def side_of(english: str) -> str:
    """Which part of the world a sentence belongs to: no sentence is in two of them.

    `translator` trains the translator, `corpus` is in the documents, `task` in the tasks' data.
    """
    bucket = zlib.crc32(english.encode()) % 100
    return next(side for side, buckets in _SIDES.items() if bucket in buckets)


def is_familiar(term: Term, ratio: float = 0.25) -> bool:
    """Whether the training sets of the tasks may name the term; the test sets name all."""
    return zlib.crc32(b"familiar " + term.en.encode()) % 1000 < 1000 * ratio


@dataclass
class World:
    """Draws patients; terms used less often are preferred, so that all of them occur.

    Attributes:
        random: Source of every choice.
        side: Part of the world that sentences are taken from.
        allowed: Which terms may be named.
    """

    random: random.Random
    side: str
    allowed: Callable[[Term], bool] = lambda _: True
    used: Counter[Term] = field(default_factory=Counter)

    def patient(self) -> Patient:
        """A patient with illnesses of one or two chapters and all that belongs to them."""
        chapters = "".join(self.random.sample(CHAPTERS, self.random.choice((1, 1, 2))))
        palette = {kind: [self.draw(kind, chapters) for _ in range(n)] for kind, n in _PALETTE.items()}
        return Patient(self, chapters, palette, _identity(self.random))

    def draw(self, kind: str, chapters: str) -> Term:
        """A term of some chapters: of three drawn at random the one used least."""
        compound = self.random.random() < _COMPOUND_RATIO
        pool = _pool(kind, chapters, compound) or _pool(kind, chapters, not compound) or _pool(kind, CHAPTERS, False)
        pool = [term for term in pool if self.allowed(term)] or [t for t in lexicon()[kind] if self.allowed(t)]
        term = min(self.random.choices(pool, k=3), key=lambda candidate: self.used[candidate])
        self.used[term] += 1
        return term


def _identity(choose: random.Random) -> dict[str, Filler]:
    """He, she or the patient, with the noun and the name that fit."""
    he, she, patient = phrases()["subject"]
    man, woman = phrases()["person"]
    subject = choose.choice((he, she, patient))
    male = subject is not she
    return {"subject": subject, "person": man if male else woman, "name": placeholder(choose, male=male)}


@cache
def _pool(kind: str, chapters: str, compound: bool) -> list[Term]:
    return [term for term in lexicon()[kind] if term.compound == compound and set(term.chapters) & set(chapters)]


def _as_term(filler: Filler) -> Term:
    assert isinstance(filler, Term)
    return filler


@dataclass
class Patient:
    """What may be said about one patient.

    Attributes:
        world: World that the patient is drawn from.
        chapters: Chapters of the illnesses.
        palette: Terms that recur in the patient's texts, by kind.
        identity: What the slots for the patient are filled with: `subject`, `person` and `name`.
    """

    world: World
    chapters: str
    palette: dict[str, list[Term]]
    identity: dict[str, Filler]

    def say(self, section: str, count: int) -> list[Sentence]:
        """Up to `count` different sentences of a section, all of the world's side."""
        pool = templates()[section]
        chosen = self.world.random.sample(pool, min(count, len(pool)))
        return [sentence for template in chosen if (sentence := self.sentence(template)) is not None]

    def sentence(self, template: Template) -> Sentence | None:
        """A frame of the template on the world's side; None if twelve draws find none."""
        for _ in range(12):
            fillers = self._fill(template)
            english = render_pattern(template.en, fillers, "en")
            if template.is_bare or side_of(english.text) == self.world.side:
                return Sentence(template, fillers, english, render_pattern(template.de, fillers, "de"))
        return None

    def _fill(self, template: Template) -> dict[str, Filler]:
        fillers: dict[str, Filler] = {}
        for slot in sorted(template.slots, key=lambda name: name.startswith(("dose", "value", "below"))):
            fillers[slot] = self._filler(slot, fillers)
        return fillers

    def _filler(self, slot: str, fillers: dict[str, Filler]) -> Filler:
        kind, number = slot.rstrip("0123456789"), slot.lstrip("abcdefghijklmnopqrstuvwxyz")
        choose = self.world.random
        if kind in self.identity:
            return self.identity[kind]
        if kind in phrases() or kind in adjectives():
            return choose.choice(phrases().get(kind) or adjectives()[kind])
        if kind == "dose":
            return amount(choose.choice(_as_term(fillers[f"drug{number}"]).settings))
        if kind in ("value", "below"):
            return lab_value(_as_term(fillers[f"lab{number}"]), choose, upper=kind == "value")
        if kind in NUMBERS:
            return NUMBERS[kind](choose)
        return self._term(kind, [filler for filler in fillers.values() if isinstance(filler, Term)])

    def _term(self, slot: str, taken: Sequence[Term]) -> Term:
        kind = self.world.random.choice(KINDS.get(slot, (slot,)))
        while True:
            if slot in NOT_CODED:
                others = "".join(letter for letter in CHAPTERS if letter not in self.chapters)
                term = self.world.draw(kind, self.world.random.choice(others))
            elif self.world.random.random() < 0.15:
                term = self.world.draw(kind, self.chapters)
            else:
                term = self.world.random.choice(self.palette[kind])
            if term not in taken or self.world.random.random() < 0.1:
                return term


def coded_chapters(sentences: Sequence[Sentence]) -> list[str]:
    """Chapters of the diagnoses that a text ascribes to its patient: not those excluded or of relatives."""
    found = {span.term.chapters[0] for span in diagnoses(sentences)}
    return sorted(found)


def diagnoses(sentences: Sequence[Sentence]) -> Iterator[Span]:
    """The diagnoses that a text ascribes to its patient."""
    for sentence in sentences:
        for span in sentence.de.spans:
            if span.term.kind == "diagnosis" and not span.slot.startswith(NOT_CODED):
                yield span
