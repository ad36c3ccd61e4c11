"""What stands in for an identifier: of the same kind and form, the same for the same one throughout a document.

Dates move by one number of days a document, so intervals stay (as in MIMIC and i2b2; Stubbs and Uzuner 2015). The rest
is drawn by a keyed hash of seed, document and what is replaced, so equal runs give equal texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

from gmlm.corpus.deidentification.dates import shifted
from gmlm.corpus.deidentification.identifiers import Identifier

FAMILY_NAMES = (
    "Ahlers", "Bachner", "Dietz", "Eberl", "Falkner", "Gerlach", "Hofer", "Immler", "Jansen", "Kestner",
    "Lorenz", "Mertens", "Nolte", "Ostermann", "Pohlmann", "Quandt", "Reimers", "Sander", "Thalheim", "Ulrich",
    "Vollmer", "Wiegand", "Zander", "Brandner", "Crämer", "Drexler", "Engler", "Fiedler", "Grabow", "Heller",
)  # fmt: skip
GIVEN_NAMES = (
    "Anna", "Bernd", "Carla", "Dieter", "Elisa", "Florian", "Greta", "Holger", "Ines", "Jonas", "Karin",
    "Lukas", "Maria", "Norbert", "Olga", "Paul", "Renate", "Stefan", "Tina", "Ulf", "Vera", "Werner", "Yvonne",
    "Kurt", "Lena", "Martin", "Nina", "Oskar", "Petra", "Ralf",
)  # fmt: skip
CITIES = (
    "Auenstadt", "Birkendorf", "Eichfeld", "Falkenau", "Grünbach", "Heideburg", "Kirchwald", "Lindental",
    "Moosheim", "Neuberg", "Rosenau",
)  # fmt: skip
STREETS = (
    "Ahornweg", "Birkenallee", "Eichengasse", "Fliederweg", "Gartenstraße", "Lindenplatz", "Mühlweg",
    "Parkstraße", "Schulgasse",
)  # fmt: skip
INSTITUTIONS = tuple(f"Klinikum {city}" for city in CITIES)
LARGEST_SHIFT = 3650
"""Days by which the dates of a document move back at most."""
_PARTICLES = frozenset((
    "von", "van", "vom", "zu", "zur", "de", "del", "della", "di", "dos", "da", "la", "der", "den", "ten", "y",
    "Von", "De", "DE", "VON",
))  # fmt: skip


class Surrogates:
    """The surrogates of one document."""

    def __init__(self, document: str, seed: int) -> None:
        self._key = blake2b(f"{seed}/{document}".encode(errors="surrogatepass"), digest_size=32).digest()
        self._known: dict[str, Sequence[str]] = {}
        self._days = -1 - self._draw("days", LARGEST_SHIFT)

    def of(self, identifier: Identifier, text: str) -> str:
        """What stands in for the identifier, which reads `text`."""
        kind = identifier.kind if identifier.kind != "address" else identifier.part
        if kind == "date":
            return shifted(text, self._days)
        if kind == "name":
            return self._name(text)
        chosen = {"city": CITIES, "street": STREETS, "institution": INSTITUTIONS}.get(kind)
        if chosen is None:
            return "Dr." if kind == "title" else self._digits(text)
        words = self._choice(chosen, text)
        return f"{words} {1 + self._draw(text, 99)}" if kind == "street" and text[-1:].isalnum() else words

    def _name(self, text: str) -> str:
        """Each word of the name replaced by one that is its own throughout the document; the last is a family name."""
        words = re.findall(r"[\w.'-]+", text)
        inverted = "," in text
        family = 0 if inverted else len(words) - 1
        replaced = iter(
            self._word(word, self._list_of(word, FAMILY_NAMES if place == family else GIVEN_NAMES))
            for place, word in enumerate(words)
        )
        return re.sub(r"[\w.'-]+", lambda _: next(replaced), text)

    def _list_of(self, word: str, likely: Sequence[str]) -> Sequence[str]:
        """The list that a word is drawn from: what it was taken for when it first occurred."""
        return self._known.setdefault(word.casefold(), likely)

    def _word(self, word: str, names: Sequence[str]) -> str:
        if word in _PARTICLES:
            return word
        if word.endswith(".") and len(word) < 5:
            return f"{self._choice(names, word)[0]}."
        chosen = self._choice(names, word.casefold())
        return chosen.upper() if word.isupper() and len(word) > 1 else chosen

    def _digits(self, text: str) -> str:
        """The text with other digits and letters in the same places; a leading 0 stays."""
        out = []
        for place, character in enumerate(text):
            if character.isdigit():
                first = 0 if place and text[place - 1].isdigit() else 1
                drawn = first + self._draw(f"{text}/{place}", 10 - first)
                out.append("0" if character == "0" and first else str(drawn))
            elif character.isalpha() and character.isupper():
                out.append("ABCDEFGHKLMNPRSTUVWXYZ"[self._draw(f"{text}/{place}", 22)])
            elif character.isalpha():
                out.append("abcdefghkmnprstuvwxyz"[self._draw(f"{text}/{place}", 21)])
            else:
                out.append(character)
        return "".join(out)

    def _choice(self, values: Sequence[str], text: str) -> str:
        """One of the values, but not what is replaced."""
        others = [value for value in values if value.casefold() != text.casefold()]
        return others[self._draw(text, len(others))]

    def _draw(self, text: str, below: int) -> int:
        digest = blake2b(text.encode(errors="surrogatepass"), key=self._key, digest_size=8).digest()
        return int.from_bytes(digest, "big") % below
