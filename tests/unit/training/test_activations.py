"""What a forward pass keeps is counted by bytes, parameters not, and each storage once."""

from __future__ import annotations

import torch
from torch import nn

from gmlm.training.activations import activations_of

CPU = torch.device("cpu")


def test_inputs_and_results_that_the_way_back_needs_are_counted() -> None:
    layer, rows = nn.Linear(4, 3), torch.randn(10, 4)
    with activations_of(layer, CPU) as kept:
        layer(rows).exp().sum()
    assert kept.bytes == 10 * 4 * 4 + 10 * 3 * 4, "the layer's input, and what exp gave"


def test_views_of_one_storage_count_once() -> None:
    layer, rows = nn.Linear(4, 4), torch.randn(10, 4)
    with activations_of(layer, CPU) as kept:
        (layer(rows) + layer(rows[:])).sum()
    assert kept.bytes == 10 * 4 * 4


def test_nothing_is_kept_without_gradients() -> None:
    layer = nn.Linear(4, 3)
    with activations_of(layer, CPU) as kept, torch.no_grad():
        layer(torch.randn(10, 4)).exp()
    assert kept.bytes == 0
