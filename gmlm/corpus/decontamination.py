"""Keeps what tasks are tested on out of the training text.

Word n-grams shared with a test set mark a document as contaminated (Brown et al. 2020, appendix C).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from gmlm.corpus.normalisation import words
from gmlm.manifest import Manifest
from gmlm.storage import Store

Ngram = tuple[str, ...]

TASK_ROLE = "task:"
"""Prefix of the roles by which tasks enter a stage."""
HELD_OUT_SPLITS = ("dev.jsonl", "test.jsonl")
TEXT_FIELDS = ("text", "context", "question")


class TaskNgrams:
    """The word n-grams of the development and test sets of all tasks.

    A text with fewer than n words counts as one n-gram of its own length, so it marks documents equal to it.
    """

    def __init__(self, texts: Mapping[str, Sequence[str]], n: int) -> None:
        self._n = n
        self._of_task = {task: set(chain.from_iterable(map(self._ngrams, held))) for task, held in texts.items()}
        self._all: set[Ngram] = set().union(*self._of_task.values())

    def tasks_in(self, text: str) -> list[str]:
        """The tasks whose development or test set shares an n-gram with the text."""
        if self._all.isdisjoint(self._ngrams(text)):
            return []
        return [task for task, ngrams in self._of_task.items() if not ngrams.isdisjoint(self._ngrams(text))]

    def _ngrams(self, text: str) -> Iterator[Ngram]:
        found = words(text)
        if 0 < len(found) < self._n:
            return iter([tuple(found)])
        return zip(*(found[start:] for start in range(self._n)), strict=False)


def held_out_texts(store: Store, tasks: Mapping[str, Manifest]) -> dict[str, list[str]]:
    """The texts, contexts and questions of the development and test sets, by task."""
    return {name: list(_texts_of(store, manifest)) for name, manifest in tasks.items()}


def _texts_of(store: Store, manifest: Manifest) -> Iterator[str]:
    for entry in manifest.files:
        if entry.path in HELD_OUT_SPLITS:
            for line in store.read(manifest.key(entry.path)).splitlines():
                record = json.loads(line)
                yield from (record[field] for field in TEXT_FIELDS if field in record)
