"""What the heads' outputs become: the best valid tags, label sets by a tuned threshold, answers or none."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn.metrics import f1_score

from gmlm.finetuning.answer_search import best_candidates, best_null_threshold
from gmlm.finetuning.multi_label import best_threshold
from gmlm.finetuning.spans import tag_names
from gmlm.finetuning.token_classification import best_tags
from gmlm.finetuning.windows import Window

TAGS = tag_names(["A", "B"])


def _valid(tags):
    return all(tag[0] != "I" or before[2:] == tag[2:] for before, tag in zip(["O", *tags[:-1]], tags, strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_tags_are_the_best_valid_sequence_of_all(seed):
    logits = np.random.default_rng(seed).normal(0, 2, (5, len(TAGS))).astype(np.float32)
    valid = [path for path in product(range(len(TAGS)), repeat=5) if _valid([TAGS[index] for index in path])]
    best = max(valid, key=lambda path: sum(float(logits[i, tag]) for i, tag in enumerate(path)))
    assert best_tags(logits, TAGS) == [TAGS[index] for index in best]


def test_an_orphan_inside_tag_is_never_decoded():
    logits = np.zeros((3, len(TAGS)), dtype=np.float32)
    logits[:, TAGS.index("I-A")] = 5
    assert best_tags(logits, TAGS) == ["B-A", "I-A", "I-A"]
    assert best_tags(logits[:0], TAGS) == []


@pytest.mark.parametrize("seed", range(2))
def test_the_threshold_is_the_best_that_scikit_learn_finds(seed):
    generator = np.random.default_rng(seed)
    gold = generator.random((30, 5)) < 0.3
    probabilities = np.round(np.clip(gold * 0.3 + generator.random((30, 5)) * 0.7, 0, 1), 2)
    threshold = best_threshold(probabilities, gold)
    tried = [f1_score(gold, probabilities >= cut, average="micro") for cut in np.arange(0.005, 1, 0.01)]
    found = f1_score(gold, probabilities >= threshold, average="micro")
    assert found >= max(tried) - 1e-12


def test_among_equally_good_thresholds_the_middle_one_is_taken():
    gold = np.array([[True, False]])
    assert best_threshold(np.array([[0.9, 0.3]]), gold) == pytest.approx(0.6)


def test_without_any_gold_label_the_threshold_is_still_a_number():
    assert 0 <= best_threshold(np.array([[0.9, 0.3]]), np.array([[False, False]])) <= 1


def test_answers_lie_within_the_window_in_order_and_no_longer_than_allowed():
    context = "Hand und Kopf und Fuß"
    offsets = [(0, 4), (5, 8), (9, 13), (14, 17), (18, 21)]
    window = Window(0, 1, 5, [0] * 8, [], 3)  # tokens 1 to 4 behind a question
    output = np.zeros((8, 2), dtype=np.float32)
    output[0] = 99  # the question and special tokens answer nothing
    output[3 + 1, 0] = output[3 + 3, 1] = 5
    found = best_candidates(context, offsets, window, output, longest=2)
    assert all(candidate.text == context[candidate.start :][: len(candidate.text)] for candidate in found)
    assert {candidate.text for candidate in found} >= {"Kopf und", "und Fuß", "Fuß"}
    assert "Kopf und Fuß" not in {candidate.text for candidate in found}
    assert max(best_candidates(context, offsets, window, output, 3), key=lambda c: c.score).text == "Kopf und Fuß"


@pytest.mark.parametrize("seed", range(5))
def test_the_null_threshold_is_the_best_of_all(seed):
    generator = np.random.default_rng(seed)
    margins, answered = generator.integers(-4, 5, 40), generator.random(40)
    rows = list(zip(margins.tolist(), answered.tolist(), (generator.random(40) < 0.4).tolist(), strict=True))

    def total(threshold):
        return sum(unanswered if margin > threshold else answered for margin, answered, unanswered in rows)

    best = max(total(threshold) for threshold in np.arange(-6, 7, 0.25))
    assert total(best_null_threshold(rows)) == pytest.approx(best)
