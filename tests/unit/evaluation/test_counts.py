"""Precision, recall and F1 agree with scikit-learn and seqeval."""

from __future__ import annotations

import random

import numpy as np
import pytest
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2
from sklearn.metrics import precision_recall_fscore_support as sklearn_scores

from gmlm.evaluation.counts import Counts, count_sets, macro_f1, total


def test_nothing_found_and_nothing_missed_scores_zero_as_in_scikit_learn():
    assert Counts().scores()["f1"] == 0.0
    assert macro_f1([]) == 0.0


def test_published_counts_give_the_published_scores():
    scores = Counts(413, 48, 370)
    assert round(scores.precision, 4) == 0.8959
    assert round(scores.recall, 4) == 0.5275
    assert round(scores.f1, 4) == 0.6640


@pytest.mark.parametrize("seed", range(3))
def test_label_sets_score_as_in_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    gold, predicted = (generator.random((60, 7)) < 0.3 for _ in range(2))
    rows = [count_sets(np.flatnonzero(g), np.flatnonzero(p)) for g, p in zip(gold, predicted, strict=True)]
    columns = [count_sets(np.flatnonzero(g), np.flatnonzero(p)) for g, p in zip(gold.T, predicted.T, strict=True)]
    micro = total(rows)
    expected = sklearn_scores(gold, predicted, average="micro", zero_division=0)
    assert (micro.precision, micro.recall, micro.f1) == pytest.approx(expected[:3])
    assert macro_f1(columns) == pytest.approx(sklearn_scores(gold, predicted, average="macro", zero_division=0)[2])


def _random_tags(generator: random.Random, length: int) -> list[str]:
    tags, previous = [], "O"
    for _ in range(length):
        choices = ["O", "O", "B-A", "B-B"] + ([f"I-{previous[2:]}"] * 3 if previous != "O" else [])
        previous = generator.choice(choices)
        tags.append(previous)
    return tags


def _spans(tags: list[str]) -> list[tuple[int, int, str]]:
    starts = [i for i, tag in enumerate(tags) if tag[0] == "B"]
    ends = [next((j for j in range(i + 1, len(tags)) if tags[j][0] != "I"), len(tags)) for i in starts]
    return [(start, end, tags[start][2:]) for start, end in zip(starts, ends, strict=True)]


@pytest.mark.parametrize("seed", range(3))
def test_span_sets_score_as_in_strict_seqeval(seed):
    generator = random.Random(seed)
    gold = [_random_tags(generator, 12) for _ in range(50)]
    predicted = [
        [tag if generator.random() < 0.8 else "O" for tag in row]
        if generator.random() < 0.3
        else _random_tags(generator, 12)
        for row in gold
    ]
    predicted = [_without_orphans(row) for row in predicted]
    micro = total(count_sets(_spans(g), _spans(p)) for g, p in zip(gold, predicted, strict=True))
    for found, seqeval in ((micro.precision, precision_score), (micro.recall, recall_score), (micro.f1, f1_score)):
        assert found == pytest.approx(seqeval(gold, predicted, mode="strict", scheme=IOB2))
    assert micro.true_positives > 0


def _without_orphans(tags: list[str]) -> list[str]:
    kept = ["O"]
    for tag in tags:
        kept.append("O" if tag[0] == "I" and kept[-1][2:] != tag[2:] else tag)
    return kept[1:]
