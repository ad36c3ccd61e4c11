"""Learning rates as pure functions of the step, so that resuming needs no scheduler state."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from gmlm.config.optimisation import OptimisationConfig

DECAY_SHARE = 0.1
"""Share of all steps over which `wsd` decays."""


def learning_rate(step: int, steps: int, optimisation: OptimisationConfig) -> float:
    """The learning rate of a step (from 0) of a run of `steps`.

    It rises linearly from zero over ceil(warmup_ratio * steps) steps to the peak and then follows the schedule to zero,
    as the schedules of transformers do.
    """
    warmup = math.ceil(optimisation.warmup_ratio * steps)
    if step < warmup:
        return optimisation.learning_rate * step / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return optimisation.learning_rate * _SHAPES[optimisation.schedule](progress, step / steps)


def _linear(progress: float, _: float) -> float:
    return 1 - progress


def _cosine(progress: float, _: float) -> float:
    return (1 + math.cos(math.pi * progress)) / 2


def _constant(_: float, __: float) -> float:
    return 1.0


def _warmup_stable_decay(_: float, share: float) -> float:
    """Hu et al. 2024 (MiniCPM, arXiv 2404.06395), with a linear decay."""
    return min(1.0, (1 - share) / DECAY_SHARE)


def _one_minus_sqrt(progress: float, _: float) -> float:
    """The cooldown of Hägele et al. 2024 (arXiv 2405.18392), over the whole run after warm-up."""
    return 1 - math.sqrt(progress)


_SHAPES: Mapping[str, Callable[[float, float], float]] = {
    "linear": _linear,
    "cosine": _cosine,
    "constant": _constant,
    "wsd": _warmup_stable_decay,
    "1-sqrt": _one_minus_sqrt,
}
"""Factor on the peak by the progress since warm-up and the share of the whole run, both from 0 to 1."""
