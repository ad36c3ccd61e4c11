"""Replaces what identifies people in a text."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path

from gmlm.config.corpora import DeidentificationConfig
from gmlm.config.paths import resolve_path
from gmlm.corpus.deidentification.identifiers import Identifier, without_overlaps
from gmlm.corpus.deidentification.model import find_with_model
from gmlm.corpus.deidentification.rules import find_identifiers
from gmlm.corpus.deidentification.surrogates import Surrogates


class Deidentifier:
    """Finds identifiers by rules, and by a model where one is configured, and puts surrogates in their place."""

    def __init__(self, config: DeidentificationConfig, study_folder: Path, seed: int) -> None:
        self._config, self._seed = config, seed
        self._model = None if config.model is None else resolve_path(config.model, study_folder)

    def find(self, text: str) -> list[Identifier]:
        """The identifiers of the configured kinds, in order and without overlaps."""
        found = find_identifiers(text)
        if self._model is not None:
            found = without_overlaps(chain(found, find_with_model(text, self._model)), text)
        return [each for each in found if each.kind in self._config.kinds]

    def replaced(self, document: str, text: str) -> tuple[str, Counter[str]]:
        """The text with surrogates, the same for the same document and seed, and how many of each kind it has."""
        surrogates, found = Surrogates(document, self._seed), self.find(text)
        pieces, last = list[str](), 0
        for each in found:
            pieces += [text[last : each.start], surrogates.of(each, text[each.start : each.end])]
            last = each.end
        return "".join([*pieces, text[last:]]), Counter(each.kind for each in found)
