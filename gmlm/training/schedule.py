"""Learning rates as pure functions of the step, so that resuming needs no scheduler state."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from gmlm.config.optimisation import OptimisationConfig


def learning_rate(step: int, steps: int, optimisation: OptimisationConfig) -> float:
    """The learning rate of a step (from 0) of a run of `steps`.

    It rises linearly from zero over ceil(warmup_ratio * steps) steps to the peak and then follows the schedule to
    `final_ratio` of it, as the schedules of transformers do to zero.
    """
    warmup = math.ceil(optimisation.warmup_ratio * steps)
    if step < warmup:
        return optimisation.learning_rate * step / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    if optimisation.schedule == "wsd":
        factor = _warmup_stable_decay(step / steps, optimisation)
    else:
        factor = _SHAPES[optimisation.schedule](progress)
    return optimisation.learning_rate * (factor + optimisation.final_ratio * (1 - factor))


def _linear(progress: float) -> float:
    return 1 - progress


def _cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * progress)) / 2


def _constant(_: float) -> float:
    return 1.0


def _one_minus_sqrt(progress: float) -> float:
    """The cooldown of Hägele et al. 2024 (arXiv 2405.18392), over the whole run after warm-up."""
    return 1 - math.sqrt(progress)


def _warmup_stable_decay(share: float, optimisation: OptimisationConfig) -> float:
    """Hu et al. 2024 (MiniCPM, arXiv 2404.06395), with a linear decay, or the one of Hägele et al. 2024."""
    left = min(1.0, (1 - share) / optimisation.decay_ratio)
    return left if optimisation.decay_shape == "linear" else _one_minus_sqrt(1 - left)


_SHAPES: Mapping[str, Callable[[float], float]] = {
    "linear": _linear,
    "cosine": _cosine,
    "constant": _constant,
    "1-sqrt": _one_minus_sqrt,
}
"""Factor on the peak by the progress since warm-up, from 0 to 1."""
