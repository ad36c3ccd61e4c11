"""Keeps what tasks are tested on out of the training text.

Word n-grams shared with a test set mark a document as contaminated (Brown et al. 2020, appendix C).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from gmlm.deduplication.word_hashes import Hashes, groups_of, ngram_hashes, word_hashes
from gmlm.manifest import Manifest, read_file
from gmlm.storage import Store

TASK_ROLE = "task:"
"""Prefix of the roles by which tasks enter a stage."""
HELD_OUT_SPLITS = ("dev.jsonl", "test.jsonl")
TEXT_FIELDS = ("text", "context", "question")


class TaskNgrams:
    """The word n-grams of the development and test sets of all tasks, as 64-bit hashes.

    A text with fewer than n words counts as one n-gram of its own length, so it marks documents equal to it. Among a
    billion n-grams and a million of tasks one is taken for another with a probability below 1e-4.
    """

    def __init__(self, texts: Mapping[str, Sequence[str]], n: int) -> None:
        self._n = n
        self._of_task = {task: np.unique(self._ngrams(held)[0]) for task, held in texts.items()}
        self._all = np.unique(np.concatenate([np.empty(0, np.uint64), *self._of_task.values()]))

    def tasks_in(self, texts: Sequence[str]) -> list[list[str]]:
        """For each text the tasks whose development or test set shares an n-gram with it."""
        hashes, owners = self._ngrams(texts)
        found = _is_in(hashes, self._all)
        hashes, owners = hashes[found], owners[found]
        tasks: list[list[str]] = [[] for _ in texts]
        for task, ngrams in self._of_task.items():
            for text in np.unique(owners[_is_in(hashes, ngrams)]):
                tasks[text].append(task)
        return tasks

    def _ngrams(self, texts: Sequence[str]) -> tuple[Hashes, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        """The n-grams of all texts, and the number of the text that each comes from."""
        hashed = [ngram_hashes(word_hashes(group), self._n) for group in groups_of(texts)]
        counts = np.concatenate([np.empty(0, np.int64), *(np.diff(each.offsets) for each in hashed)])
        values = np.concatenate([np.empty(0, np.uint64), *(each.values for each in hashed)])
        return values, np.repeat(np.arange(len(texts)), counts)


def _is_in(values: Hashes, ordered: Hashes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which values are among those of an ordered array."""
    if not ordered.size:
        return np.zeros(len(values), bool)
    found: np.ndarray[tuple[int], np.dtype[np.bool_]]
    found = ordered[np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)] == values
    return found


def held_out_texts(store: Store, tasks: Mapping[str, Manifest]) -> dict[str, list[str]]:
    """The texts, contexts and questions of the development and test sets, by task."""
    return {name: list(_texts_of(store, manifest)) for name, manifest in tasks.items()}


def _texts_of(store: Store, manifest: Manifest) -> Iterator[str]:
    for entry in manifest.files:
        if entry.path in HELD_OUT_SPLITS:
            for line in read_file(store, manifest, entry.path).splitlines():
                record = json.loads(line)
                yield from (record[field] for field in TEXT_FIELDS if field in record)
