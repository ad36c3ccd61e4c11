"""The last few checkpoints stay, the best, and those of every so many steps."""

from __future__ import annotations

import pytest

from gmlm.config import OptimisationConfig
from gmlm.training.retention import kept_steps

SCORES = {10: None, 20: 2.0, 30: 1.0, 40: 1.0, 50: 3.0, 60: None}


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ({}, {60}),
        ({"keep_last": 3}, {40, 50, 60}),
        ({"keep_last": 9}, set(SCORES)),
        ({"keep_best": True}, {30, 60}),
        ({"keep_every": 20}, {20, 40, 60}),
        ({"keep_every": 50, "keep_best": True, "keep_last": 2}, {30, 50, 60}),
    ],
)
def test_what_is_kept(rules: dict[str, int], kept: set[int]) -> None:
    assert kept_steps(SCORES, OptimisationConfig(**rules)) == kept


def test_without_any_score_there_is_no_best() -> None:
    assert kept_steps({10: None, 20: None}, OptimisationConfig(keep_best=True)) == {20}


def test_the_state_before_the_first_step_is_none_of_every_so_many() -> None:
    assert kept_steps({0: None, 5: None, 7: None}, OptimisationConfig(keep_every=5)) == {5, 7}
