"""Encoders: where they start and the phases of their pre-training."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gmlm.config.base import Frozen, Name
from gmlm.config.optimisation import OptimisationConfig

GENERATOR = "generator"
"""Subfolder of a discriminator's folder that holds its generator."""


class ArchitectureConfig(Frozen):
    """An encoder that is trained from scratch."""

    model_type: Literal["bert", "roberta", "electra", "deberta-v2", "modernbert", "eurobert"] = "bert"
    """Architecture by its name in transformers."""
    tokenizer: Name
    """Tokenizer of the study."""
    settings: dict[str, int | float | str | bool] = Field(default_factory=dict)
    """Fields of the architecture's transformers configuration, such as `hidden_size`."""


class PhaseConfig(Frozen):
    """One phase of pre-training."""

    corpus: Name
    """Recipe that the phase trains on."""
    steps: int | None = Field(None, gt=0)
    """Optimiser steps; or give `epochs`."""
    epochs: float | None = Field(None, gt=0)
    """Passes over the corpus; or give `steps`."""
    sequence_length: int = Field(512, gt=7)
    """Length of a row in tokens; documents are packed into rows and longer ones are split into several."""
    batch_tokens: int = Field(8192, gt=0)
    """Tokens of one optimiser step over all workers; must be a multiple of `sequence_length`."""
    micro_batch_tokens: int | None = Field(None, gt=0)
    """Tokens of one forward pass per worker; smaller means gradient accumulation. Default: the whole share."""
    mask_rate: float = Field(0.15, gt=0, lt=1)
    """Share of the tokens that are predicted, or that a generator fills in."""
    final_mask_rate: float | None = Field(None, gt=0, lt=1)
    """The mask rate moves from `mask_rate` to this one, linearly over the phase; without it, it stays."""
    masking: Literal["token", "whole_word", "span"] = "token"
    """Mask tokens one by one, all pieces of a word together, or spans of words (SpanBERT, Joshi et al. 2020)."""
    replacement: Literal["80-10-10", "mask"] = "80-10-10"
    """What the chosen tokens become: [MASK], a random token or themselves as in BERT, or always [MASK]."""
    optimisation: OptimisationConfig = OptimisationConfig()
    """Optimiser and schedule."""

    @model_validator(mode="after")
    def _length_is_consistent(self) -> Self:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give exactly one of 'steps' and 'epochs'")
        if self.batch_tokens % self.sequence_length:
            raise ValueError("'batch_tokens' must be a multiple of 'sequence_length'")
        if self.micro_batch_tokens and self.micro_batch_tokens % self.sequence_length:
            raise ValueError("'micro_batch_tokens' must be a multiple of 'sequence_length'")
        return self


class VocabularyConfig(Frozen):
    """New whole words for the tokenizer of the model that an encoder starts from.

    Their rows begin as the means of the rows of their pieces. Needs a WordPiece, byte-level BPE or SentencePiece
    (Unigram) tokenizer; texts without new words are tokenised as before.
    """

    words: tuple[str, ...] = ()
    """Words to add, such as names of drugs."""
    corpus: Name | None = None
    """Recipe whose words are added: those by which it has the fewest tokens."""
    number: int = Field(1000, gt=0)
    """Words of the corpus that are added, at most."""
    min_documents: int = Field(50, gt=0)
    """Words of the corpus that occur in fewer documents are left out; in clinical text they may be names of people."""
    min_pieces: int = Field(3, gt=1)
    """Words of the corpus that the tokenizer takes into fewer pieces are left out."""

    @model_validator(mode="after")
    def _some_origin(self) -> Self:
        if not self.words and self.corpus is None:
            raise ValueError("give 'words', 'corpus' or both")
        return self


class GeneratorConfig(Frozen):
    """What replaces tokens for a discriminator to detect (ELECTRA, Clark et al. 2020): a small masked language model.

    It is trained along, and kept in the folder `generator` of the discriminator's. The paper masks by
    `replacement: mask`.
    """

    base: str | None = None
    """Where it starts: a model of this study, a Hub name such as `google/electra-base-generator`, or a local path. A
    model with a generator lends that one."""
    size: float | None = Field(None, gt=0, le=1)
    """Or a new one, with as many layers as the discriminator and this share of its attention heads, hidden size and
    feed-forward size. With neither key it is the generator that the discriminator's base has, or a new one of 0.25."""
    share_embeddings: bool = True
    """It uses the discriminator's embeddings, where their sizes are equal, and both train them. Switch it off for a
    generator that was trained with others."""
    discriminator_weight: float = Field(50.0, gt=0)
    """Factor of the discriminator's loss beside the generator's; the paper's lambda."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.base is not None and self.size is not None:
            raise ValueError("give 'base' or 'size', not both")
        return self


class ModelConfig(Frozen):
    """An encoder of the study."""

    base: str | None = None
    """Where it starts: a model of this study, a Hub name such as `deepset/gbert-base`, or a local path."""
    at_step: int | None = Field(None, gt=0)
    """Start from the weights that `base`, a model of this study, had after so many steps of its last phase."""
    architecture: ArchitectureConfig | None = None
    """Start from random weights instead."""
    objective: Literal["masked_language_modeling", "replaced_token_detection"] = "masked_language_modeling"
    """What the phases train: to predict masked tokens, or, for ELECTRA, to detect which tokens a generator has
    replaced. The latter makes a discriminator, which fills in no masks."""
    generator: GeneratorConfig | None = None
    """The generator of `replaced_token_detection`."""
    phases: tuple[PhaseConfig, ...] = ()
    """Pre-training, phase after phase; none takes the base as it is."""
    kept_steps: tuple[Annotated[int, Field(gt=0)], ...] = ()
    """Steps of the last phase whose weights stay beside the last ones; those of `at_step` of other models are added."""
    vocabulary: VocabularyConfig | None = None
    """New words for the tokenizer of the base, before the first phase."""

    @model_validator(mode="after")
    def _exactly_one_origin(self) -> Self:
        if (self.base is None) == (self.architecture is None):
            raise ValueError("give exactly one of 'base' and 'architecture'")
        if self.architecture is not None and not self.phases:
            raise ValueError("a model from scratch needs at least one phase")
        if self.at_step is not None and self.base is None:
            raise ValueError("'at_step' needs a 'base'")
        if self.vocabulary is not None and self.base is None:
            raise ValueError("'vocabulary' adds words to the tokenizer of a 'base'; train a larger tokenizer instead")
        if self.vocabulary is not None and not self.phases:
            raise ValueError("a model with new words needs at least one phase, which trains them")
        return self

    @property
    def detects(self) -> bool:
        """Whether the phases make a discriminator, which fills in no masks."""
        return self.objective == "replaced_token_detection"

    @model_validator(mode="after")
    def _objective_is_trained(self) -> Self:
        if not self.detects:
            if self.generator is not None:
                raise ValueError("'generator' needs 'objective: replaced_token_detection'")
            return self
        if not self.phases:
            raise ValueError("'replaced_token_detection' needs at least one phase")
        if self.architecture is not None and self.architecture.model_type != "electra":
            raise ValueError(f"'replaced_token_detection' trains 'electra', not {self.architecture.model_type!r}")
        if self.vocabulary is not None and self.generator is not None and self.generator.base is not None:
            raise ValueError("the generator's 'base' would lack the words of 'vocabulary': give it a 'size' instead")
        return self

    @model_validator(mode="after")
    def _kept_steps_are_along_the_run(self) -> Self:
        for step in self.kept_steps:
            self.check_keeps(step)
        return self

    def check_keeps(self, step: int) -> None:
        """Raise ValueError if the weights of a step of the last phase cannot be kept."""
        if not self.phases:
            raise ValueError(f"there is no phase whose step {step} could be kept")
        last = self.phases[-1]
        if last.steps is not None and step >= last.steps:
            raise ValueError(f"step {step} is not below the {last.steps} steps of the last phase")
        if last.optimisation.engine == "deepspeed":
            raise ValueError("steps are kept as checkpoints of whole weights: use engine 'torch'")


class CheckpointConfig(Frozen):
    """The weights of a model after some steps of its last phase."""

    step: int
    """Optimiser step."""


class BaseModelConfig(Frozen):
    """A model from the Hub or a local folder, copied into the store."""

    model: str
    """Hub name or local path."""
