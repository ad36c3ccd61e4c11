"""What the kinds of task differ in, behind one protocol, and loading a model with the head that a kind needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn
from transformers import AutoConfig, AutoTokenizer
from transformers.utils import logging as transformers_logging

from gmlm.config import FinetuneConfig
from gmlm.errors import ModelMismatchError
from gmlm.finetuning.batching import Batch, Padding, TrainingItem
from gmlm.finetuning.examples import Example
from gmlm.finetuning.windows import Windower

Predicted = Any
"""JSON of what was predicted for one example: spans, labels, or answers."""


class Objective(Protocol):
    """One kind of task: its head, features, loss, and how the head's output becomes predictions."""

    unplaceable: int
    """Gold spans or answers of the training items that the tokens cannot render."""

    def load_model(self) -> nn.Module:
        """The encoder with a fresh head, initialised from torch's global seed."""
        ...

    def training_items(self, examples: Sequence[Example]) -> list[TrainingItem]:
        """The windows of the examples with their targets."""
        ...

    def collate(self, items: Sequence[TrainingItem]) -> Batch:
        """The tensors of one micro-batch."""
        ...

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """Mean loss of one micro-batch."""
        ...

    def outputs(self, model: nn.Module, examples: Sequence[Example], description: str) -> list[Any]:
        """What the model says about each example, before any decision."""
        ...

    def tune(self, outputs: Sequence[Any], dev: Sequence[Example]) -> float | None:
        """The threshold that is best on dev; None where the kind has none."""
        ...

    def decide(self, outputs: Sequence[Any], examples: Sequence[Example], threshold: float | None) -> list[Predicted]:
        """The prediction for each example."""
        ...


@dataclass(frozen=True)
class Encoder:
    """A model folder and its tokenizer, checked to belong together.

    Attributes:
        folder: What `AutoModel.from_pretrained` loads.
        tokenizer: Its tokenizer.
        length: Longest input in tokens, special ones included.
        typed: Whether the model tells a question from its context by token types.
    """

    folder: Path
    tokenizer: Any
    length: int
    typed: bool

    def windower(self, config: FinetuneConfig, *, pair: bool = False) -> Windower:
        """Cuts texts for this encoder."""
        return Windower(self.tokenizer, min(config.max_length, self.length), config.stride, pair=pair)

    @property
    def padding(self) -> Padding:
        """Pads windows for this encoder."""
        return Padding(self.tokenizer.pad_token_id or 0, typed=self.typed)

    def with_head(self, model_class: Any, **settings: Any) -> nn.Module:
        """The encoder in fp32 with a fresh head.

        Raises:
            ModelMismatchError: Weights of the encoder itself are missing from the folder, or transformers has no such
                head for its architecture.
        """
        config = AutoConfig.from_pretrained(self.folder, local_files_only=True)
        if type(config) not in model_class._model_mapping:
            what = f"transformers has no {model_class.__name__.removeprefix('Auto')} of the kind {config.model_type!r}"
            raise ModelMismatchError(what, where=self.folder.name, fix="leave the model out of this task")
        level = transformers_logging.get_verbosity()
        transformers_logging.set_verbosity_error()  # it would report the missing head, which is the point
        transformers_logging.disable_progress_bar()
        try:
            model, loading = model_class.from_pretrained(
                self.folder, dtype=torch.float32, output_loading_info=True, local_files_only=True, **settings
            )
        finally:
            transformers_logging.set_verbosity(level)
        prefix = f"{model.base_model_prefix}."
        lost = sorted(key for key in loading["missing_keys"] if key.startswith(prefix) and ".pooler." not in key)
        if lost:
            what = f"{len(lost)} weights of the encoder are missing, such as {lost[0]}"
            raise ModelMismatchError(what, where=self.folder.name, fix="give a complete model folder")
        assert isinstance(model, nn.Module)
        return model


def load_encoder(folder: Path, name: str) -> Encoder:
    """Tokenizer and limits of a model folder.

    Raises:
        ModelMismatchError: The tokenizer gives no offsets, or has more tokens than the model has embeddings.
    """
    config, tokenizer = AutoConfig.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    if not tokenizer.is_fast:
        raise ModelMismatchError("its tokenizer gives no character offsets", where=name, fix="use a fast tokenizer")
    if len(tokenizer) > config.vocab_size:
        what = f"the tokenizer has {len(tokenizer)} tokens, the model embeddings for {config.vocab_size}"
        raise ModelMismatchError(what, where=name, fix="use the tokenizer that the model was trained with")
    typed = "token_type_ids" in tokenizer.model_input_names and getattr(config, "type_vocab_size", 0) > 1
    return Encoder(folder, tokenizer, _longest_input(config, tokenizer), typed)


def _longest_input(config: Any, tokenizer: Any) -> int:
    positions: int = getattr(config, "max_position_embeddings", None) or tokenizer.model_max_length
    if config.model_type in ("roberta", "xlm-roberta", "camembert"):  # positions are counted from padding_idx + 1
        positions -= (config.pad_token_id or 0) + 1
    return min(positions, int(tokenizer.model_max_length))
