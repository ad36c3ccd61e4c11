"""Which ZeRO stage a model needs on given GPUs, with the arithmetic (Rajbhandari et al. 2020, arXiv 1910.02054).

Training in fp32 with bf16 arithmetic keeps 4 bytes of weight, 4 of gradient and 8 of AdamW's moments per parameter.
Stage 1 spreads the moments over the GPUs, stage 2 the gradients too, stage 3 the weights too. Lower stages send less,
so the lowest that fits is best.
"""

from __future__ import annotations

from dataclasses import dataclass

WEIGHTS, GRADIENTS, MOMENTS = 4, 4, 8
"""Bytes per parameter."""
STATE_SHARE = 0.6
"""Share of a GPU's memory that state may take; activations and buffers need the rest."""
STAGES = (0, 1, 2, 3)


@dataclass(frozen=True)
class Gpus:
    """The GPUs that train together: their number, and the memory of each in bytes."""

    number: int
    memory: float


def state_bytes(parameters: int, stage: int, gpus: int) -> float:
    """Bytes of weights, gradients and moments on each GPU."""
    spread = {0: 0, 1: MOMENTS, 2: MOMENTS + GRADIENTS, 3: MOMENTS + GRADIENTS + WEIGHTS}[stage]
    return parameters * (WEIGHTS + GRADIENTS + MOMENTS - spread + spread / gpus)


def lowest_stage(parameters: int, gpus: Gpus) -> int | None:
    """The lowest stage whose state leaves room for activations; None if none does."""
    fitting = (s for s in STAGES if state_bytes(parameters, s, gpus.number) <= STATE_SHARE * gpus.memory)
    return next(fitting, None)


def sharding_of(name: str, parameters: int, gpus: Gpus) -> str:
    """The choice for a model, and the bytes of each stage that lead to it."""
    stage = lowest_stage(parameters, gpus)
    choice = f"zero_stage: {stage}" if stage is not None else f"does not fit on {gpus.number} GPUs"
    sizes = ", ".join(f"stage {s}: {state_bytes(parameters, s, gpus.number) / 1e9:.2f} GB" for s in STAGES)
    limit = f"{STATE_SHARE:.0%} of {gpus.memory / 1e9:.0f} GB = {STATE_SHARE * gpus.memory / 1e9:.1f} GB"
    needs = f"{parameters / 1e6:.0f} M parameters need on each of {gpus.number} GPUs {sizes}"
    return f"{name}: {choice}; {needs}; room: {limit}"
