"""Quick dropout drops what PyTorch's own would: the share, the scale and the gradient are the same in law."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gmlm.training.dropout import QuickDropout, dropout, quicken_dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_share_is_dropped_and_the_rest_scaled(share: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    dropped = dropout(torch.ones(1000, 201, dtype=dtype), share)
    kept = dropped != 0
    # Five standard deviations of 201,000 draws.
    assert float(kept.float().mean()) == pytest.approx(1 - share, abs=5 * (share * (1 - share) / 201_000) ** 0.5)
    assert torch.all(dropped[kept] == torch.tensor(1 / (1 - share), dtype=dtype))


def test_draws_are_independent_of_each_other() -> None:
    torch.manual_seed(1)
    kept = (dropout(torch.ones(400_000), 0.3) != 0).float() - 0.7
    for distance in (1, 2, 3, 4, 8):  # Four neighbours share one random integer.
        correlation = float((kept[:-distance] * kept[distance:]).mean() / (0.3 * 0.7))
        assert abs(correlation) < 5 / 400_000**0.5


def test_the_gradient_passes_where_the_value_did() -> None:
    values = torch.randn(7, 9, requires_grad=True)
    dropped = dropout(values, 0.4)
    dropped.sum().backward()
    scale = torch.where(dropped == 0, 0.0, 1 / 0.6)
    assert values.grad is not None
    assert torch.allclose(values.grad, scale)
    assert torch.allclose(dropped, values * scale)


def test_one_seed_draws_the_same_again() -> None:
    values = torch.ones(50, 3)

    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return dropout(values, 0.5)

    assert torch.equal(drawn(3), drawn(3))
    assert not torch.equal(drawn(3), drawn(4))


def test_a_models_dropout_is_replaced_and_nothing_else() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.25), nn.Sequential(nn.Dropout(0.5)))
    names = list(model.state_dict())
    quicken_dropout(model)
    assert [module.p for module in model.modules() if isinstance(module, QuickDropout)] == [0.25, 0.5]
    assert list(model.state_dict()) == names
    values = torch.randn(3, 4)
    assert torch.equal(model.eval()(values), model[0](values))
    assert dropout(values, 0.0) is values
