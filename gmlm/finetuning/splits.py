"""Splits one file into train, dev and test: by hash, what belongs together in one split; and finds what leaks."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from gmlm.config.tasks import SplitRule
from gmlm.deduplication.ties import near_duplicate_ties, tied_groups
from gmlm.finetuning.examples import Example

SPLITS = ("train", "dev", "test")


def split_examples(
    examples: Sequence[Example], shares: Mapping[str, float], rule: SplitRule = "near_duplicates"
) -> dict[str, list[Example]]:
    """The splits that `shares` names with their shares, which add up to 1, each in the order given.

    What `tied_examples` ties stays together. The groups are put in the order of a hash and dealt to the split that
    lacks most of its share, so that sizes come as near to the shares as the groups allow, and the result depends on the
    texts only, not on the file's order or a seed.
    """
    dealt: dict[str, list[int]] = {name: [] for name in shares}
    due = {name: share * len(examples) for name, share in shares.items()}
    groups = tied_examples(examples, rule)
    for group in sorted(groups, key=lambda group: min(_hash(examples[index].text) for index in group)):
        neediest = max(due, key=lambda name: (due[name] - len(dealt[name])) / due[name])
        dealt[neediest].extend(group)
    return {name: [examples[index] for index in sorted(indices)] for name, indices in dealt.items()}


def tied_examples(examples: Sequence[Example], rule: SplitRule) -> list[list[int]]:
    """Numbers of the examples that one split must hold together, directly or over others.

    Tied are examples of one source document and examples with the same text; by the rule `near_duplicates` also those
    whose texts share a MinHash band, as texts do that have about 70 % of their word 5-grams in common.
    """
    ties: list[list[Hashable]] = [[("source", example.source), ("text", _hash(example.text))] for example in examples]
    if rule == "near_duplicates":
        for own, near in zip(ties, near_duplicate_ties([example.text for example in examples]), strict=True):
            own.extend(near)
    return tied_groups(ties)


def split_report(splits: Mapping[str, Sequence[Example]], rule: SplitRule) -> dict[str, Any]:
    """What was kept together, and what of dev and test leaks from train; by the ids of the examples, never their text.

    `tied` has the groups of near-duplicates that hold more than one document. `leaks` has for dev and test the ids of
    the examples that share a `document`, a `text` or a near-duplicate with train: none where the splits were made here,
    perhaps some where they were given.
    """
    everything = [example for examples in splits.values() for example in examples]
    near = near_duplicate_ties([example.text for example in everything])
    groups = tied_groups([[*own, ("text", _hash(each.text))] for own, each in zip(near, everything, strict=True)])
    several = [group for group in groups if len({everything[index].source for index in group}) > 1]
    return {
        "rule": rule,
        "tied": sorted([everything[index].id for index in group] for group in several),
        "leaks": {name: _leaks(splits["train"], splits[name], groups, everything) for name in ("dev", "test")},
    }


def _leaks(
    train: Sequence[Example], other: Sequence[Example], groups: Sequence[Sequence[int]], everything: Sequence[Example]
) -> dict[str, list[str]]:
    documents, texts = {example.source for example in train}, {_hash(example.text) for example in train}
    inside = {id(example) for example in train}
    near = {
        id(everything[index])
        for group in groups
        if any(id(everything[index]) in inside for index in group)
        for index in group
    }
    return {
        "document": sorted(example.id for example in other if example.source in documents),
        "text": sorted(example.id for example in other if _hash(example.text) in texts),
        "near-duplicate": sorted(example.id for example in other if id(example) in near),
    }


def _hash(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
