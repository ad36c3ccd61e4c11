"""AUC and true positives at 1 % false positives agree with scikit-learn; intervals hold what they promise."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from gmlm.audit.audit import exposure
from gmlm.audit.membership import auc, separate, true_positive_rate


@pytest.mark.parametrize("decimals", [8, 1])  # one decimal: many ties
@pytest.mark.parametrize("seed", range(20))
def test_auc_is_that_of_scikit_learn(seed, decimals):
    generator = np.random.default_rng(seed)
    members = generator.normal(0.3, 1, generator.integers(2, 60)).round(decimals)
    others = generator.normal(0, 1, generator.integers(2, 60)).round(decimals)
    truth = [1] * len(members) + [0] * len(others)
    assert auc(members, others) == pytest.approx(roc_auc_score(truth, np.concatenate([members, others])))


@pytest.mark.parametrize("seed", range(20))
def test_true_positives_at_one_percent_are_those_of_scikit_learns_curve(seed):
    generator = np.random.default_rng(seed)
    members, others = generator.normal(1, 1, 300), generator.normal(0, 1, 250)
    truth = [1] * len(members) + [0] * len(others)
    false, true, _ = roc_curve(truth, np.concatenate([members, others]), drop_intermediate=False)
    assert true_positive_rate(members, others) == pytest.approx(true[false <= 0.01].max())


def test_under_a_hundred_others_none_may_be_a_false_positive():
    assert true_positive_rate(np.array([0.5, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 0.0])) == 0.5


def test_perfect_separation_has_no_spread():
    found = separate(np.arange(10.0, 18.0), np.arange(10.0), 200, 0.95, seed=1)
    assert (found.auc.value, found.auc.low, found.true_positive_rate.low) == (1.0, 1.0, 1.0)
    assert found.p_value == pytest.approx(1 / comb(18, 8))


@pytest.mark.parametrize(("members", "others"), [(60, 60), (8, 40), (3, 12)])
def test_equal_groups_are_called_different_as_often_as_the_level_says(members, others):
    alarms = 0
    for trial in range(400):
        generator = np.random.default_rng(trial)
        found = separate(generator.normal(size=members), generator.normal(size=others), 100, 0.95, seed=trial)
        alarms += found.p_value < 0.05
    assert alarms / 400 <= 0.08  # 5 % expected, 8 % is 2.8 standard deviations above it


def test_nothing_to_compare_gives_nothing():
    assert separate(np.array([]), np.array([1.0]), 100, 0.95, seed=1) is None


def test_exposure_is_highest_where_a_canary_ranks_above_all_controls():
    controls = np.arange(7.0)
    assert exposure(np.array([8.0, -1.0, 3.0]), controls) == pytest.approx([3.0, 0.0, 3 - np.log2(5)])


def test_guessing_has_an_exposure_of_about_one_point_four_bits():
    generator = np.random.default_rng(1)
    found = exposure(generator.normal(size=20_000), generator.normal(size=500))
    assert found.mean() == pytest.approx(np.log2(np.e), abs=0.06)
