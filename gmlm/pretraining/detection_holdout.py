"""Held-out figures of replaced-token detection: the loss that is trained, its terms, and the discriminator's accuracy.

A discriminator has no perplexity. Its figures depend on how good its generator is at the time, so they compare moments
and models with similar generators; how good an encoder is, downstream tasks tell.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from gmlm.pretraining.electra import ElectraPair
from gmlm.pretraining.holdout import HoldoutEvaluation
from gmlm.pretraining.replaced_tokens import replaced_token_loss, terms_of
from gmlm.training.interface import WEIGHT


class DetectionEvaluation(HoldoutEvaluation):
    """Evaluates both models at one fixed choice of masked tokens, and of the numbers by which they are filled in."""

    def measure(self, model: nn.Module) -> dict[str, Any]:
        """The `loss`, and its `terms` by name."""
        assert isinstance(model, ElectraPair)
        coefficients = terms_of(model)
        sums = torch.zeros(2, len(coefficients), dtype=torch.float64)
        for batch, placed in self.batches_on(next(model.parameters()).device):
            means, weights = replaced_token_loss(model, placed).double().cpu(), batch[WEIGHT].double()
            sums += torch.stack([means * weights, weights])
        totals, weights = sums
        terms = dict(zip(coefficients, (totals / weights.clamp(min=1)).tolist(), strict=True))
        return {"loss": sum(coefficients[name] * mean for name, mean in terms.items()), "terms": terms}
