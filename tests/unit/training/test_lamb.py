"""LAMB's step on a matrix is its learning rate's share of the matrix's norm; on a vector it is AdamW's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gmlm.training.lamb import Lamb

SETTINGS = {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-6, "weight_decay": 0.1}


def steps(optimiser: type[torch.optim.Optimizer], start: torch.Tensor, count: int, **changes: float) -> torch.Tensor:
    parameter = nn.Parameter(start.clone())
    stepper = optimiser([parameter], **{**SETTINGS, **changes})
    for number in range(count):
        parameter.grad = torch.randn(start.shape, generator=torch.Generator().manual_seed(number))
        stepper.step()
    return parameter.detach()


def test_the_step_on_a_matrix_is_a_share_of_its_norm() -> None:
    start = torch.randn(6, 5, generator=torch.Generator().manual_seed(9))
    moved = steps(Lamb, start, 1) - start
    assert float(moved.norm()) == pytest.approx(0.01 * float(start.norm()), rel=1e-5)


def test_the_direction_is_adams_with_weight_decay() -> None:
    start = torch.randn(6, 5, generator=torch.Generator().manual_seed(9))
    ours, theirs = steps(Lamb, start, 1) - start, steps(torch.optim.AdamW, start, 1) - start
    assert float(torch.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0)) == pytest.approx(1, abs=1e-6)


def test_a_vector_is_not_scaled() -> None:
    start = torch.randn(8, generator=torch.Generator().manual_seed(9))
    theirs = steps(torch.optim.AdamW, start, 5, weight_decay=0.0)
    assert torch.allclose(steps(Lamb, start, 5, weight_decay=0.0), theirs, atol=1e-6)


def test_a_matrix_of_zeros_can_be_left() -> None:
    moved = steps(Lamb, torch.zeros(4, 4), 1)
    assert torch.isfinite(moved).all()
    assert float(moved.norm()) == pytest.approx(0.01 * 4, rel=1e-3)  # the trust ratio is 1: Adam's first step


def test_its_state_goes_on_where_it_was() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 4)
    optimiser = Lamb(model.parameters(), **SETTINGS)
    other = Lamb(model.parameters(), **SETTINGS)
    model.weight.grad, model.bias.grad = torch.ones(4, 4), torch.ones(4)
    optimiser.step()
    other.load_state_dict(optimiser.state_dict())
    assert int(other.state[model.weight]["step"]) == 1
