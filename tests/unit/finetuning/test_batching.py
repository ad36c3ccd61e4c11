"""Batches are planned: every item once an epoch, like lengths together, the same plan for the same seed."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from gmlm.finetuning import batching
from gmlm.finetuning.batching import Padding, TrainingItem, epoch_ends, plan_batches, run_windows
from gmlm.finetuning.windows import Window


def _item(length, windows=1):
    return TrainingItem(tuple(Window(0, 0, 0, [1] * length, [0] * length, 0) for _ in range(windows)), None)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 9), st.integers(1, 3), st.integers(0, 9))
def test_every_item_is_seen_once_an_epoch(lengths, batch_size, epochs, seed):
    plan = plan_batches([_item(length) for length in lengths], batch_size, epochs, seed)
    assert Counter(index for batch in plan for index in batch) == dict.fromkeys(range(len(lengths)), epochs)
    assert all(0 < len(batch) <= batch_size for batch in plan)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 9), st.integers(1, 3))
def test_an_epoch_ends_when_every_item_was_seen_once_more(lengths, batch_size, epochs):
    items = [_item(length) for length in lengths]
    plan = plan_batches(items, batch_size, epochs, 0)
    ends = epoch_ends(items, plan)
    assert ends[-1] == len(plan)
    assert [sum(map(len, plan[:end])) for end in ends] == [len(items) * (n + 1) for n in range(epochs)]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=40), st.integers(1, 8))
def test_a_batch_holds_at_most_so_many_windows_unless_one_item_has_more(windows, batch_size):
    plan = plan_batches([_item(5, count) for count in windows], batch_size, 1, 0)
    assert all(len(batch) == 1 or sum(windows[index] for index in batch) <= batch_size for batch in plan)


def test_order_differs_between_seeds_and_epochs_and_nothing_else():
    items = [_item(5) for _ in range(64)]
    plan = plan_batches(items, 8, 2, 1)
    assert plan == plan_batches(items, 8, 2, 1)
    assert plan != plan_batches(items, 8, 2, 2)
    assert plan[:8] != plan[8:]


def test_like_lengths_share_a_batch():
    lengths = [n % 40 + 1 for n in range(160)]
    plan = plan_batches([_item(length) for length in lengths], 16, 1, 1)
    padding = sum(max(lengths[i] for i in batch) - lengths[j] for batch in plan for j in batch)
    assert padding < 0.1 * sum(lengths)


def test_padding_is_masked_and_types_are_given_only_to_models_that_have_them():
    windows = [Window(0, 0, 2, [5, 6, 7], [0, 1, 1], 1), Window(0, 0, 1, [5], [0], 0)]
    typed = Padding(9, typed=True).tensors(windows)
    assert typed["input_ids"].tolist() == [[5, 6, 7], [5, 9, 9]]
    assert typed["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert typed["token_type_ids"].tolist() == [[0, 1, 1], [0, 0, 0]]
    assert Padding(9, typed=False).tensors(windows).keys() == {"input_ids", "attention_mask"}


def test_outputs_come_in_the_order_of_the_windows(monkeypatch):
    class Echo(torch.nn.Module):
        config = SimpleNamespace(model_type="echo")

        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, input_ids, attention_mask):
            return input_ids * attention_mask

    monkeypatch.setattr(batching, "PREDICTION_TOKENS", 20)
    windows = [Window(0, 0, 0, [n] * (n % 7 + 1), [], 0) for n in range(1, 30)]
    rows = run_windows(Echo(), windows, Padding(0, typed=False), lambda result: result.sum(dim=1), "x")
    assert np.array_equal(rows, [sum(window.ids) for window in windows])
