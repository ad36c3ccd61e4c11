"""The mean of the weights of the last checkpoints (Izmailov et al. 2018, arXiv 1803.05407)."""

from __future__ import annotations

import torch
from safetensors.torch import load_file
from torch import nn

from gmlm.training.checkpoint_place import CheckpointPlace
from gmlm.training.distributed import World
from gmlm.training.torch_engine import WEIGHTS


def average_last(model: nn.Module, place: CheckpointPlace, count: int, world: World) -> None:
    """Give the model the mean of the weights of the last `count` checkpoints; fewer, where there are not so many."""
    names = place.whole()[-count:]
    totals: dict[str, torch.Tensor] = {}
    for name in names:
        with place.fetched(name, place.read_state(name)["files"], world) as folder:
            for key, tensor in load_file(folder / WEIGHTS).items():
                totals[key] = totals[key] + tensor.double() if key in totals else tensor.double()
    # Tied weights are in the file under one of their names; the others follow them.
    model.load_state_dict({key: total / len(names) for key, total in totals.items()}, strict=False)
