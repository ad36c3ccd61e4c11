import numpy as np
import pytest

from gmlm.translation.word_translation import learn_translations

# Brown et al.'s idea in the form of Koehn's textbook (Statistical Machine Translation, 2010, figure 4.3):
# "das Haus / the house", "das Buch / the book", "ein Buch / a book"; das=1 Haus=2 Buch=3 ein=4, the=11 house=12 ...
THE, HOUSE, BOOK, A = 11, 12, 13, 14
KOEHN = [([1, 2], [THE, HOUSE]), ([1, 3], [THE, BOOK]), ([4, 3], [A, BOOK])]


def probabilities(pairs):
    learnt = learn_translations(pairs)
    return {
        (source, target): float(value)
        for source, target, value in zip(learnt.sources, learnt.targets, learnt.probabilities, strict=True)
    }


def test_each_word_of_the_textbook_finds_its_translation():
    best = {source: targets[0] for source, targets in learn_translations(KOEHN).best(1)}
    assert best == {1: THE, 2: HOUSE, 3: BOOK, 4: A}


def test_probabilities_equal_those_of_a_plain_loop():
    expected = plain_model_1(KOEHN, rounds=5)
    found = probabilities(KOEHN)
    assert found.keys() == {key for key in expected if key[0] is not None}
    for key, value in found.items():
        assert value == pytest.approx(expected[key], abs=1e-12)


def plain_model_1(pairs, rounds):
    """The textbook's pseudocode, with the empty word."""
    translation = {(s, t): 1.0 for source, target in pairs for s in [*source, None] for t in target}
    for _ in range(rounds):
        counts, totals = dict.fromkeys(translation, 0.0), {}
        for source, target in pairs:
            for t in target:
                whole = sum(translation[s, t] for s in [*source, None])
                for s in [*source, None]:
                    share = translation[s, t] / whole
                    counts[s, t] += share
                    totals[s] = totals.get(s, 0.0) + share
        translation = {(s, t): counts[s, t] / totals[s] for s, t in translation}
    return translation


def test_the_probabilities_of_a_source_token_sum_to_one():
    learnt = learn_translations(KOEHN)
    assert np.bincount(learnt.sources, learnt.probabilities)[[1, 2, 3, 4]] == pytest.approx([1, 1, 1, 1])


def test_targets_below_a_probability_are_left_out():
    found = probabilities(KOEHN)
    best = dict(learn_translations(KOEHN).best(9, least=0.3))
    assert {(s, t) for s, targets in best.items() for t in targets} == {key for key, p in found.items() if p >= 0.3}


def test_equally_likely_targets_come_in_the_order_of_their_numbers():
    assert dict(learn_translations([([1], [7, 5, 6])]).best(2)) == {1: [5, 6]}


@pytest.mark.parametrize("pairs", [[], [([], [1])], [([1], [])]])
def test_nothing_is_learnt_from_pairs_without_tokens(pairs):
    assert list(learn_translations(pairs).best(3)) == []
