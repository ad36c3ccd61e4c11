"""Floating-point operations of a model, and the peak speed of the devices it trains on: together they give MFU.

MFU is model FLOP utilisation (Chowdhery et al. 2022, arXiv 2204.02311, appendix B): operations that the model needs,
whatever is recomputed, over what the devices could do.
"""

from __future__ import annotations

import os

import torch
from torch import nn

from gmlm.training.distributed import World

PEAK_VARIABLE = "GMLM_PEAK_FLOPS"
"""Environment variable: peak operations a second of one worker's device, where the table below lacks it."""
PER_PARAMETER_AND_TOKEN = 6
"""Forward and backward pass (Kaplan et al. 2020, arXiv 2001.08361, section 2.1)."""
PEAKS = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "A40": 149.7e12,
    "A30": 165e12,
    "A10": 125e12,
    "L40S": 362e12,
    "L4": 121e12,
}
"""Dense bf16 operations a second by a part of the device's name, from NVIDIA's data sheets; the first match counts."""


def flop_per_token(model: nn.Module) -> float:
    """Operations of forward and backward pass per token: 6 a parameter, embeddings and attention scores left out."""
    embedded = {
        id(weight) for part in model.modules() if isinstance(part, nn.Embedding) for weight in part.parameters()
    }
    # Under ZeRO stage 3 a parameter holds nothing between steps; DeepSpeed keeps its size beside it.
    sizes = (getattr(weight, "ds_numel", weight.numel()) for weight in model.parameters() if id(weight) not in embedded)
    return float(PER_PARAMETER_AND_TOKEN * sum(sizes))


def peak_flop_per_second(world: World) -> float | None:
    """Peak operations a second of all workers' devices; None where neither the table nor GMLM_PEAK_FLOPS knows it."""
    if given := os.environ.get(PEAK_VARIABLE):
        return _number(given, world)
    if world.device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(world.device)
    return next((peak * world.size for part, peak in PEAKS.items() if part in name), None)


def _number(text: str, world: World) -> float | None:
    try:
        return float(text) * world.size
    except ValueError:
        return None
