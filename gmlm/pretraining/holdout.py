"""Loss and pseudo-perplexity on held-out documents, for each of their sources too.

Always with 15 % token masking and one fixed choice of tokens, whatever the phase trains with, so that figures of phases
and models with one tokenizer can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import torch

from gmlm.pretraining.batches import SOURCES, BatchSettings, MaskedBatches
from gmlm.pretraining.masking import Vocabulary
from gmlm.pretraining.objective import masked_lm_loss, target_losses
from gmlm.pretraining.tokens import TokenCorpus
from gmlm.training import Batch, TrainingState
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
        observe: Callable[[Mapping[str, Any]], object] = lambda figures: None,
        characters_per_token: float | None = None,
        by_source: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """Set up the evaluation.

        Args:
            corpus: Held-out documents.
            vocabulary: Of the tokenizer.
            settings: Of the phase; lengths and packing are taken from them.
            every: Steps between evaluations; 0 for one at the end alone.
            observe: Gets the figures of each evaluation.
            characters_per_token: Of the corpus; without it there are no bits per character.
            by_source: The same of each source that has one.
        """
        self._characters_by_source = by_source
        self._every, self._observe, self._sources = every, observe, corpus.sources
        self._characters_per_token = characters_per_token
        fixed = BatchSettings(
            sequence_length=settings.sequence_length,
            batch_tokens=settings.micro_batch_tokens,
            micro_batch_tokens=settings.micro_batch_tokens,
            packed=settings.packed,
            mask_rate=MASK_RATE,
            masking="token",
            seed=SEED,
            detects=settings.detects,
        )
        self._batches = MaskedBatches(corpus, vocabulary, fixed)

    def after_step(self, state: TrainingState) -> None:
        """Record loss and perplexity where an evaluation is due."""
        if state.step == state.steps or (self._every and state.step % self._every == 0):
            figures = self.evaluate(state.model, state.step)
            state.history.setdefault(HISTORY, []).append(figures)
            state.score = figures["loss"]

    def evaluate(self, model: torch.nn.Module, step: int) -> dict[str, Any]:
        """The figures of a model after so many steps, which are handed on too."""
        model.eval()
        with torch.no_grad():
            figures = {"step": step, **self.measure(model)}
        self._observe(figures)
        return figures

    def batches_on(self, device: torch.device) -> Iterator[tuple[Batch, Batch]]:
        """All held-out documents once: each batch, and the same on a device."""
        for batch in self._batches.one_pass():
            yield batch, {name: tensor.to(device) for name, tensor in batch.items()}

    def measure(self, model: torch.nn.Module) -> dict[str, Any]:
        """Mean loss in nats over all masked tokens, its exponential, and both for each source if there are several.

        Bits per character can be compared between tokenizers: loss / ln 2 over the mean characters per token, of the
        corpus or of the source.
        """
        total = targets = 0.0
        by_source = _SourceSums(len(self._sources))
        for batch, placed in self.batches_on(next(model.parameters()).device):
            count = float(batch[WEIGHT])
            if by_source:
                losses = target_losses(model, placed)
                by_source.add(losses, placed[SOURCES])
                total += float(losses.sum())
            else:
                total += float(masked_lm_loss(model, placed)) * count
            targets += count
        figures: dict[str, Any] = _figures(total / max(1.0, targets), self._characters_per_token)
        if by_source:
            figures["sources"] = {
                name: {**_figures(loss, self._characters_by_source.get(name)), "targets": count}
                for name, loss, count in zip(self._sources, *by_source.means(), strict=True)
            }
        return figures


class _SourceSums:
    """Sums of losses and numbers of targets by source; false where there are not several sources."""

    def __init__(self, sources: int) -> None:
        self._losses, self._counts = (torch.zeros(sources, dtype=torch.float64) for _ in range(2))

    def __bool__(self) -> bool:
        return len(self._losses) > 1

    def add(self, losses: torch.Tensor, sources: torch.Tensor) -> None:
        """Add the losses of some targets."""
        sources, values = sources.cpu(), losses.double().cpu()
        self._losses.index_add_(0, sources, values)
        self._counts.index_add_(0, sources, torch.ones_like(values))

    def means(self) -> tuple[list[float], list[int]]:
        """The mean loss of each source, and its number of targets."""
        means = self._losses / self._counts.clamp(min=1)
        return means.tolist(), self._counts.long().tolist()


def _figures(loss: float, characters_per_token: float | None) -> dict[str, float]:
    figures = {"loss": loss, "perplexity": math.exp(min(loss, HIGHEST_EXPONENT))}
    if characters_per_token:
        figures["bits_per_character"] = loss / math.log(2) / characters_per_token
    return figures
