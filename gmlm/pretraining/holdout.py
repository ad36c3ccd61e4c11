"""Loss and pseudo-perplexity on held-out documents.

Always with 15 % token masking and one fixed choice of tokens, whatever the phase trains with, so that figures of phases
and models with one tokenizer can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from gmlm.pretraining.batches import BatchSettings, MaskedBatches
from gmlm.pretraining.masking import Vocabulary
from gmlm.pretraining.objective import masked_lm_loss
from gmlm.pretraining.tokens import TokenCorpus
from gmlm.training import TrainingState
from gmlm.training.interface import WEIGHT

MASK_RATE = 0.15
SEED = 0
HISTORY = "holdout"
HIGHEST_EXPONENT = 700.0
"""Above it the exponential does not fit a float."""


class HoldoutEvaluation:
    """Evaluates during training: every so many steps and at the end; a hook of the loop."""

    def __init__(
        self,
        corpus: TokenCorpus,
        vocabulary: Vocabulary,
        settings: BatchSettings,
        *,
        every: int,
        observe: Callable[[float], object] = lambda loss: None,
    ) -> None:
        self._every, self._observe = every, observe
        fixed = BatchSettings(
            sequence_length=settings.sequence_length,
            batch_tokens=settings.micro_batch_tokens,
            micro_batch_tokens=settings.micro_batch_tokens,
            packed=settings.packed,
            mask_rate=MASK_RATE,
            masking="token",
            seed=SEED,
        )
        self._batches = MaskedBatches(corpus, vocabulary, fixed)

    def after_step(self, state: TrainingState) -> None:
        """Record loss and perplexity where an evaluation is due."""
        if state.step == state.steps or (self._every and state.step % self._every == 0):
            figures = self.evaluate(state.model, state.step)
            state.history.setdefault(HISTORY, []).append(figures)
            state.score = figures["loss"]

    def evaluate(self, model: torch.nn.Module, step: int) -> dict[str, float]:
        """Mean loss in nats over all masked tokens, and its exponential."""
        model.eval()
        device = next(model.parameters()).device
        total = targets = 0.0
        with torch.no_grad():
            for batch in self._batches.one_pass():
                count = float(batch[WEIGHT])
                placed = {name: tensor.to(device) for name, tensor in batch.items()}
                total += float(masked_lm_loss(model, placed)) * count
                targets += count
        loss = total / max(1.0, targets)
        self._observe(loss)
        return {"step": step, "loss": loss, "perplexity": math.exp(min(loss, HIGHEST_EXPONENT))}
