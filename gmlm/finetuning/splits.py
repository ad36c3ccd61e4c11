"""Splits one file into train, dev and test: by hash, whole documents at a time, equal texts together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from gmlm.finetuning.examples import Example

SPLITS = ("train", "dev", "test")


def split_examples(examples: Sequence[Example], shares: Mapping[str, float]) -> dict[str, list[Example]]:
    """The splits that `shares` names with their shares, which add up to 1, each in the order given.

    Examples of one source document, or with the same text, stay together. The groups are put in the order of a hash
    and dealt to the split that lacks most of its share, so that sizes come as near to the shares as the groups
    allow, and the result depends on the texts only, not on the file's order or a seed.
    """
    groups = _groups(examples)
    dealt: dict[str, list[int]] = {name: [] for name in shares}
    due = {name: share * len(examples) for name, share in shares.items()}
    for group in sorted(groups, key=lambda group: min(_hash(examples[index].text) for index in group)):
        neediest = max(due, key=lambda name: (due[name] - len(dealt[name])) / due[name])
        dealt[neediest].extend(group)
    return {name: [examples[index] for index in sorted(indices)] for name, indices in dealt.items()}


def _groups(examples: Sequence[Example]) -> list[list[int]]:
    """Indices of the examples that are tied together by a source or a text, directly or through others."""
    parent = list(range(len(examples)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = index = parent[parent[index]]
        return index

    first: dict[tuple[str, str], int] = {}
    for index, example in enumerate(examples):
        for tie in (("source", example.source), ("text", _hash(example.text))):
            parent[root(index)] = root(first.setdefault(tie, index))
    groups: dict[int, list[int]] = {}
    for index in range(len(examples)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())


def _hash(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
