"""Multi-label classification: the windows of a document are read apart and their logits pooled label by label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import AutoModelForSequenceClassification

from gmlm.config import FinetuneConfig
from gmlm.finetuning.batching import Batch, TrainingItem, run_windows
from gmlm.finetuning.examples import Example, LabelledDocument
from gmlm.finetuning.objective import Encoder, Predicted
from gmlm.finetuning.windows import Window, tokenize
from gmlm.training.heads import run_with_head

GAMMA = 2.0
"""Exponent of the focal loss."""


class MultiLabel:
    """One sigmoid a label over the pooled logits of a document's windows, in training as in prediction."""

    def __init__(
        self, encoder: Encoder, config: FinetuneConfig, labels: Sequence[str], train: Sequence[Example]
    ) -> None:
        self._encoder, self._windower, self._labels = encoder, encoder.windower(config), list(labels)
        self._long, self._imbalance = config.long_documents, config.imbalance
        self._weights = positive_weights(np.array([self._target(example) for example in train]))
        self.unplaceable = 0

    def load_model(self) -> nn.Module:
        """The encoder with a fresh layer of one logit a label."""
        names = dict(enumerate(self._labels))
        ids = {label: index for index, label in names.items()}
        kind = "multi_label_classification"
        return self._encoder.with_head(
            AutoModelForSequenceClassification, problem_type=kind, id2label=names, label2id=ids
        )

    def training_items(self, examples: Sequence[Example]) -> list[TrainingItem]:
        """One item a document, with all of its windows; the target is 0 or 1 for each label."""
        pairs = zip(examples, self._read(examples), strict=True)
        return [TrainingItem(tuple(windows), self._target(example)) for example, windows in pairs]

    def _read(self, examples: Sequence[Example]) -> list[list[Window]]:
        texts = tokenize(self._encoder.tokenizer, [example.text for example in examples])
        cut = self._windower.head_and_tail if self._long == "head_tail" else self._windower.windows
        return [cut(index, tokens) for index, tokens in enumerate(texts)]

    def _target(self, example: Example) -> list[float]:
        assert isinstance(example, LabelledDocument)
        return [float(label in example.labels) for label in self._labels]

    def collate(self, items: Sequence[TrainingItem]) -> Batch:
        """All windows of the documents, the `document` (index in the batch) of each, and the documents' `labels`."""
        batch = self._encoder.padding.tensors([window for item in items for window in item.windows])
        document = [index for index, item in enumerate(items) for _ in item.windows]
        labels = torch.tensor([item.target for item in items])
        return {**batch, "document": torch.tensor(document), "labels": labels}

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """Binary cross entropy of the pooled logits, or what is configured in its place, mean over all decisions."""
        given = {name: tensor for name, tensor in batch.items() if name not in ("document", "labels")}
        logits, labels = run_with_head(model, given).logits, batch["labels"]
        index = batch["document"].unsqueeze(1).expand_as(logits)
        pooled = torch.zeros_like(labels, dtype=logits.dtype).scatter_reduce(
            0, index, logits, reduce="mean" if self._long == "mean" else "amax", include_self=False
        )
        if self._imbalance == "focal":
            return focal_loss(pooled.float(), labels)
        weights = self._weights.to(labels.device) if self._imbalance == "weighted" else None
        return binary_cross_entropy_with_logits(pooled.float(), labels, pos_weight=weights)

    def outputs(self, model: nn.Module, examples: Sequence[Example], description: str) -> list[Any]:
        """Probability of each label for each document."""
        read = self._read(examples)
        every = [window for windows in read for window in windows]
        rows = iter(run_windows(model, every, self._encoder.padding, lambda result: result.logits, description))
        pool = np.mean if self._long == "mean" else np.max
        pooled = [pool([next(rows) for _ in windows], axis=0) for windows in read]
        return [1 / (1 + np.exp(-logits.astype(np.float64))) for logits in pooled]

    def tune(self, outputs: Sequence[Any], dev: Sequence[Example]) -> float | None:
        """The threshold of the highest micro F1 on dev."""
        gold = np.array([self._target(example) for example in dev], dtype=bool)
        return best_threshold(np.array(outputs), gold)

    def decide(self, outputs: Sequence[Any], examples: Sequence[Example], threshold: float | None) -> list[Predicted]:
        """The sorted labels whose probability reaches the threshold."""
        cut = 0.5 if threshold is None else threshold
        return [[label for label, p in zip(self._labels, row, strict=True) if p >= cut] for row in outputs]


def positive_weights(targets: NDArray[np.float64]) -> torch.Tensor:
    """For each label how many documents lack it per document that has it; 1 where none or all have it.

    Args:
        targets: 0 or 1, (documents, labels).
    """
    having = targets.sum(0)
    lacking = len(targets) - having
    some = (having > 0) & (lacking > 0)
    return torch.tensor(np.where(some, lacking / np.maximum(having, 1), 1.0), dtype=torch.float32)


def focal_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Binary cross entropy times (1 - p)^2, p being the probability of what is right (Lin et al. 2017), mean."""
    losses = binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return ((1 - torch.exp(-losses)) ** GAMMA * losses).mean()


def best_threshold(probabilities: NDArray[np.float64], gold: NDArray[np.bool_]) -> float:
    """The threshold of the highest micro F1, halfway between two probabilities; the one nearest to 0.5 among equals.

    Args:
        probabilities: (documents, labels).
        gold: Whether each document has each label.
    """
    order = np.argsort(-probabilities, axis=None, kind="stable")
    ranked, hits = probabilities.ravel()[order], np.cumsum(gold.ravel()[order])
    f1 = 2 * hits / (np.arange(1, len(ranked) + 1) + gold.sum())
    below = np.append(ranked[1:], 0.0)
    f1[ranked == below] = -1.0  # a threshold cannot part equal probabilities
    best = np.flatnonzero(f1 == f1.max())
    cuts = (ranked[best] + below[best]) / 2
    return float(cuts[np.abs(cuts - 0.5).argmin()])
