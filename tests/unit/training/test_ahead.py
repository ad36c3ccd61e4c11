"""Batches made ahead are those of their numbers, and none beyond the last step."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event, current_thread, main_thread

import pytest
import torch
from torch import nn

from gmlm.config import OptimisationConfig
from gmlm.training import Batch, train
from gmlm.training.ahead import BatchesAhead


def batch(number: int) -> Sequence[Batch]:
    return [{"x": torch.full((1, 1), float(number))}]


def test_a_batch_is_made_while_its_predecessor_is_in_use() -> None:
    begun = Event()

    def batches(number: int) -> Sequence[Batch]:
        if number == 1:
            assert current_thread() is not main_thread()
            begun.set()
        return batch(number)

    ahead = BatchesAhead(batches)
    assert float(ahead.take(0)[0]["x"]) == 0
    ahead.begin(1)
    assert begun.wait(30)
    assert float(ahead.take(1)[0]["x"]) == 1


def test_another_number_than_the_one_begun_is_made_now() -> None:
    ahead = BatchesAhead(batch)
    ahead.begin(1)
    assert float(ahead.take(5)[0]["x"]) == 5


def test_what_fails_ahead_fails_where_it_is_taken() -> None:
    def batches(number: int) -> Sequence[Batch]:
        raise OSError(f"batch {number}")

    ahead = BatchesAhead(batches)
    ahead.begin(3)
    with pytest.raises(OSError, match="batch 3"):
        ahead.take(3)


def test_training_asks_for_each_step_once_and_for_no_other() -> None:
    asked: list[int] = []

    def batches(number: int) -> Sequence[Batch]:
        asked.append(number)
        return batch(number)

    train(
        nn.Linear(1, 1),
        loss=lambda model, given: model(given["x"]).square().mean(),
        batches=batches,
        steps=4,
        optimisation=OptimisationConfig(),
        seed=1,
        fingerprint="f",
    )
    assert asked == [0, 1, 2, 3]
