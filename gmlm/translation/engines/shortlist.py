"""The shortlist in a model's folder: the output tokens that CTranslate2 may choose from, by the tokens of the sources.

It has CTranslate2's format of a vocabulary map: a line `TOKEN<TAB>TOKEN TOKEN ...` for each source token, and one that
begins with the tab, whose tokens are always allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SHORTLIST_FILE = "shortlist.txt"
"""In the model's folder."""


@dataclass(frozen=True)
class Shortlist:
    """The source tokens that a shortlist knows."""

    known: frozenset[str]

    @classmethod
    def read(cls, folder: Path) -> Shortlist | None:
        """The shortlist of a model's folder, if it has one."""
        file = folder / SHORTLIST_FILE
        if not file.is_file():
            return None
        lines = file.read_text(encoding="utf-8").split("\n")
        return cls(frozenset(line.partition("\t")[0] for line in lines))

    def covers(self, tokens: Sequence[str]) -> bool:
        """Whether all tokens of a source are known; others are translated with the whole vocabulary."""
        return self.known.issuperset(tokens)
