"""StableAdamW is AdamW while gradients are steady, takes smaller steps when they leap, and resumes exactly."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gmlm.config import OptimisationConfig
from gmlm.training.optimiser import optimiser_of
from gmlm.training.stable_adamw import StableAdamW

SETTINGS = {"lr": 0.01, "betas": (0.9, 0.98), "eps": 1e-8, "weight_decay": 0.1}
Gradients = list[torch.Tensor]


def trajectory(kind: type[torch.optim.Optimizer], gradients: Gradients) -> list[torch.Tensor]:
    """The parameter after each step with these gradients."""
    parameter = nn.Parameter(torch.linspace(-1, 1, 12).view(3, 4))
    optimiser, path = kind([parameter], **SETTINGS), []
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimiser.step()
        path.append(parameter.detach().clone())
    return path


def test_with_steady_gradients_it_is_adamw() -> None:
    torch.manual_seed(0)
    signs = torch.randn(3, 4)
    gradients = [signs * factor for factor in (1.0, 0.9, 0.8, 0.7, 0.6)]  # never above their own second moment
    for ours, theirs in zip(trajectory(StableAdamW, gradients), trajectory(torch.optim.AdamW, gradients), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_a_leap_of_the_gradient_is_divided_out_of_the_step() -> None:
    steady = [torch.full((3, 4), 0.1)] * 20
    leap = [*steady, torch.full((3, 4), 10.0)]
    ours, theirs = trajectory(StableAdamW, leap), trajectory(torch.optim.AdamW, leap)
    assert torch.allclose(ours[-2], theirs[-2], atol=1e-6)
    # The algorithm by hand: the second moment after the leap, and the rate that its root mean square leaves.
    weights = 0.98 ** torch.arange(20, -1, -1.0)
    second = float((weights * torch.tensor([0.1] * 20 + [10.0]) ** 2).sum() / weights.sum())
    shrink = 10.0 / second**0.5
    assert shrink > 4
    move, leapt = ours[-1] - ours[-2], theirs[-1] - theirs[-2]
    assert torch.allclose(move * shrink, leapt, rtol=1e-4)


def test_its_state_is_saved_and_loaded() -> None:
    torch.manual_seed(1)
    gradients = [torch.randn(3, 4) for _ in range(6)]
    whole = trajectory(StableAdamW, gradients)[-1]
    parameter = nn.Parameter(torch.linspace(-1, 1, 12).view(3, 4))
    optimiser = StableAdamW([parameter], **SETTINGS)
    for gradient in gradients:
        state = optimiser.state_dict()
        optimiser = StableAdamW([parameter], **SETTINGS)
        optimiser.load_state_dict(state)
        parameter.grad = gradient.clone()
        optimiser.step()
    assert torch.equal(parameter, whole)


def test_parameters_without_a_gradient_stay() -> None:
    used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimiser = StableAdamW([used, unused], **SETTINGS)
    used.grad = torch.ones(2)
    optimiser.step()
    assert torch.equal(unused, torch.ones(2))
    assert not torch.equal(used, torch.ones(2))


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("stable_adamw", StableAdamW)])
def test_a_study_names_its_optimiser_and_only_matrices_decay(name: str, kind: type) -> None:
    settings = OptimisationConfig(optimiser=name, weight_decay=0.3, epsilon=1e-6)
    optimiser = optimiser_of(nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3)), settings)
    assert type(optimiser) is kind
    decays = {len(group["params"]): (group["weight_decay"], group["eps"]) for group in optimiser.param_groups}
    assert decays == {1: (0.3, 1e-6), 3: (0.0, 1e-6)}


def test_zero_stages_that_cut_tensors_are_refused() -> None:
    assert OptimisationConfig(optimiser="stable_adamw", engine="deepspeed", zero_stage=0).zero_stage == 0
    with pytest.raises(ValueError, match="needs whole tensors"):
        OptimisationConfig(optimiser="stable_adamw", engine="deepspeed", zero_stage=1)
