"""The benchmark's counter of collectives: what a ring moves, nested calls once."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.distributed as dist

FILE = Path(__file__).parents[3] / "benchmarks" / "collective_bytes.py"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A counter over collectives of four ranks that do nothing."""
    specification = importlib.util.spec_from_file_location("collective_bytes", FILE)
    module: ModuleType = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    for name in module.PASSES:
        monkeypatch.setattr(dist, name, lambda *_, **__: None, raising=False)
    monkeypatch.setattr(dist, "get_world_size", lambda group=None: 4)
    monkeypatch.setattr(dist, "reduce", lambda tensor, dst: dist.all_reduce(tensor))
    counter = module.CollectiveBytes()
    counter.install()
    return counter


def test_each_collective_counts_as_a_ring_moves_it(counted: Any) -> None:
    whole, part = torch.zeros(100), torch.zeros(25)
    dist.all_reduce(whole)
    dist.reduce_scatter_tensor(part, whole)
    dist.all_gather_into_tensor(whole, part)
    assert counted.sent == {"all_reduce": 600, "reduce_scatter_tensor": 300, "all_gather_into_tensor": 300}


def test_a_collective_within_another_counts_once(counted: Any) -> None:
    dist.reduce(torch.zeros(100), dst=0)
    assert counted.sent == {"reduce": 300}
    counted.clear()
    assert not counted.sent
