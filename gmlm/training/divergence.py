"""When training goes wrong: what counts as that, and the way back to the last checkpoint.

Behind the checkpoint training goes on with the batches after the one at which it went wrong, as PaLM's did (Chowdhery
et al. 2022, arXiv 2204.02311, section 5.1). All is a function of what the checkpoint holds, so a run that is stopped
meanwhile goes the same way again.
"""

from __future__ import annotations

import math
from statistics import median

from gmlm.config.optimisation import OptimisationConfig
from gmlm.errors import TrainingError
from gmlm.telemetry import get_logger
from gmlm.training.checkpoint import Checkpoints
from gmlm.training.engine import Engine
from gmlm.training.interface import TrainingState

_logger = get_logger(__name__)
HISTORY = "rollbacks"
WINDOW = 50
"""Steps whose losses a spike is measured by; before there are so many there is none."""


def diagnosis(state: TrainingState, loss: float, norm: float | None, optimisation: OptimisationConfig) -> str | None:
    """What is wrong with the step under way, if anything is; `norm` is None before the update."""
    for name, value in (("loss", loss), ("gradient", norm)):
        if value is not None and not math.isfinite(value):
            return f"the {name} of step {state.step + 1} is not finite"
    if optimisation.spike_factor and len(state.recent) == WINDOW:
        usual = median(state.recent)
        if loss > optimisation.spike_factor * usual:
            return f"the loss of step {state.step + 1} leaps to {loss:.4g}, where {usual:.4g} was usual"
    return None


def diverged(what: str, description: str) -> TrainingError:
    """The error that stops training."""
    fix = "lower the learning rate, lengthen the warm-up, or use precision fp32; the last checkpoint is kept"
    return TrainingError(what, where=description, fix=fix)


def roll_back(what: str, state: TrainingState, saved: Checkpoints, fresh: Engine) -> None:
    """Bring the state and a fresh engine to the last checkpoint, and leave out the batches up to the bad one.

    Args:
        what: What went wrong.
        state: Of the step that went wrong.
        saved: Has the checkpoint.
        fresh: Takes its weights.
    """
    failed, skipped, before = state.step, state.skipped, state.history.get(HISTORY, [])
    saved.load(state, fresh)
    first = state.step + skipped
    state.skipped = failed + skipped + 1 - state.step
    note = {"step": failed + 1, "reason": what, "checkpoint": state.step, "skipped": [first, failed + skipped]}
    state.history[HISTORY] = [*before, note]
    _logger.warning("training went back to a checkpoint", extra=note)
