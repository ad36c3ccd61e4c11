"""Translators, translations and the references that they are scored on."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from gmlm.config.base import Frozen, Name
from gmlm.config.optimisation import OptimisationConfig


class TranslatorTraining(Frozen):
    """A small Marian model trained from scratch on parallel text."""

    parallel: str
    """JSONL file (may be gzipped) with the keys `en` and `de`, one segment pair a line; relative to the study file."""
    vocab_size: int = Field(2000, gt=100)
    """Size of the joint SentencePiece vocabulary."""
    hidden_size: int = Field(128, gt=0)
    """Model width."""
    layers: int = Field(2, gt=0)
    """Layers of the encoder and of the decoder."""
    heads: int = Field(4, gt=0)
    """Attention heads."""
    feed_forward_size: int = Field(512, gt=0)
    """Width of the feed-forward layers."""
    steps: int = Field(1000, gt=0)
    """Optimiser steps."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of the activations dropped; worth raising where training makes more than some ten passes over the pairs."""
    batch_tokens: int = Field(1024, gt=0)
    """Tokens of one batch on either side, padding included."""
    max_length: int = Field(128, gt=1)
    """Longest segment in tokens; longer training pairs are left out and counted."""
    optimisation: OptimisationConfig = OptimisationConfig(
        learning_rate=2e-3, warmup_ratio=0.1, betas=(0.9, 0.98), label_smoothing=0.1
    )
    """Optimiser and schedule."""


class DecodingConfig(Frozen):
    """How a translator decodes."""

    engine: Literal["ctranslate2", "transformers"] = "ctranslate2"
    """CTranslate2 converts the model on first use; transformers serves architectures that it does not know."""
    compute_type: Literal["int8", "float32", "float16", "bfloat16"] = "int8"
    """Arithmetic of CTranslate2."""
    beam_size: int = Field(1, gt=0)
    """Beams; 1 is greedy."""
    batch_tokens: int = Field(4096, gt=0)
    """Source tokens of one batch, padding included; batches are formed by length."""
    max_length: int = Field(256, gt=1)
    """Longest source segment in tokens; longer sentences are split again, never cut."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it runs."""


PromptFamily = Literal["plain", "eurollm", "tower", "translategemma"]
"""Families of decoder-only translators by how they are asked."""


class EndpointConfig(Frozen):
    """A decoder-only translator behind an OpenAI-compatible service, such as vLLM. A key comes from OPENAI_API_KEY."""

    url: str
    """Base address, such as `http://vllm.models.svc:8000/v1`."""
    model: str
    """Name under which it is served."""
    family: PromptFamily = "plain"
    """How the model is asked."""
    in_cluster: bool = False
    """Declares that the service runs in the house, so that restricted text may be sent to it; the address must be one
    that does not leave it: a service of the cluster, this machine, or a private network."""
    concurrency: int = Field(16, gt=0)
    """Requests at a time."""
    timeout: float = Field(300, gt=0)
    """Seconds that a request may take."""

    @model_validator(mode="after")
    def _stays_inside(self) -> Self:
        if self.in_cluster and not is_inside(self.url):
            raise ValueError("'in_cluster' is set, but the url leads out: name a service, this machine or a private IP")
        return self


def is_inside(url: str) -> bool:
    """Whether the host of an address can only be meant within a cluster, a machine or a private network."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".svc", ".cluster.local", ".internal", ".local", ".localhost"))


class ShortlistConfig(Frozen):
    """The output tokens that CTranslate2 chooses from, by the sources' tokens: faster, at some risk in quality."""

    parallel: str | None = None
    """JSONL file (may be gzipped) of parallel text to learn from, as in TranslatorTraining; left out for a model that
    is trained: it learns from the same pairs. A model's own translations serve best."""
    pairs: int = Field(20_000, gt=0)
    """Most pairs to learn from, evenly spread over the file; each takes some 50 kB of memory meanwhile."""
    candidates: int = Field(50, gt=0)
    """Likeliest translations of each source token."""
    frequent: int = Field(500, ge=0)
    """Most frequent output tokens, which are always allowed."""


class TranslatorConfig(Frozen):
    """A translation model and how it decodes."""

    model: str | None = None
    """Hub name or local path, such as `Helsinki-NLP/opus-mt-tc-big-en-de`."""
    train: TranslatorTraining | None = None
    """Train a small one from scratch."""
    endpoint: EndpointConfig | None = None
    """Ask a service instead."""
    non_commercial: bool = False
    """Take weights whose licence forbids commercial use, such as NLLB's."""
    decoding: DecodingConfig = DecodingConfig()
    """Engine, beams and batches."""
    references: tuple[Name, ...] = ()
    """References of the study that this translator is scored on."""
    shortlist: ShortlistConfig | None = None
    """Let CTranslate2 choose among likely output tokens only; null takes the whole vocabulary."""

    @model_validator(mode="after")
    def _exactly_one_origin(self) -> Self:
        if sum(origin is not None for origin in (self.model, self.train, self.endpoint)) != 1:
            raise ValueError("give exactly one of 'model', 'train' and 'endpoint'")
        return self

    @model_validator(mode="after")
    def _shortlist_can_be_learnt(self) -> Self:
        if self.shortlist is None:
            return self
        if self.endpoint is not None or self.decoding.engine != "ctranslate2":
            raise ValueError("'shortlist' needs the engine ctranslate2")
        if self.train is None and self.shortlist.parallel is None:
            raise ValueError("'shortlist' of a 'model' needs 'parallel': text to learn from")
        return self


class ReferenceConfig(Frozen):
    """Parallel text with known good translations: two line-aligned files, or one JSONL file with `en` and `de`."""

    source: str
    """English side: a text file with one segment a line, or a `.jsonl` file that holds both sides."""
    target: str | None = None
    """German side, line by line; left out for `.jsonl`."""

    @model_validator(mode="after")
    def _two_sides(self) -> Self:
        if self.target is None and ".jsonl" not in self.source:
            raise ValueError("'target' is missing: only a .jsonl source holds both sides")
        return self


class RetryConfig(Frozen):
    """How suspicious segments are translated once more; the better of both outputs is kept."""

    beam_size: int = Field(5, gt=0)
    """Beams."""
    no_repeat_ngram_size: int = Field(4, ge=0)
    """No sequence of so many tokens comes twice in an output; 0 allows it."""
    repetition_penalty: float = Field(1.1, ge=1)
    """Tokens that the output holds already become less likely by this factor (Keskar et al. 2019)."""


class QualityConfig(Frozen):
    """Each segment gets a score from 0 to 1, stored beside the text, and each document the mean of its segments."""

    retry: RetryConfig | None = RetryConfig()
    """How flagged segments are retried before documents are judged; null does not."""
    back_translator: Name | None = None
    """Translator of the study whose model translates German into English: `back_chrf` tells how much of the source
    comes back, from 0 to 1. It costs as much as the translation; a service, or one trained in the study, is none."""
    estimator: str | None = None
    """Folder of a model that estimates the quality of a translation from source and output (as COMET without references
    does): a sequence classifier with one label and safetensors weights. Its output is `estimate`, from 0 to 1."""


class TranslationConfig(Frozen):
    """One source translated by one translator."""

    source: Name
    """Source of the study, in English."""
    translator: Name
    """Translator of the study."""
    min_length_ratio: float = Field(0.4, ge=0)
    """Lowest ratio of German to English words; segments below it (cut-off output) are flagged."""
    max_length_ratio: float = Field(2.5, gt=0)
    """Highest ratio; segments above it (repetition) are flagged. Segments of up to five words are not judged."""
    max_flagged_ratio: float = Field(0.5, ge=0, le=1)
    """Documents in which more than this share of the segments is flagged are quarantined."""
    documents_per_shard: int = Field(2_000, gt=0)
    """Documents that a worker translates at a time; an interrupted run repeats at most one batch of them."""
    quality: QualityConfig | None = None
    """Score segments by more checks, and retry suspicious ones; recipes can then filter by quality."""
    reuse: Literal["shard", "run", "store"] = "shard"
    """How far a segment that occurs again is translated only once: within a shard; within the whole source, by a pass
    ahead of the shards; or also across runs, by translations that the store keeps for each model and decoding."""


class TranslatorScoreConfig(Frozen):
    """One translator scored on one reference."""

    decoding: DecodingConfig
    """How the translator decodes."""
    reference: ReferenceConfig
    """Parallel text."""


class TranslateConfig(Frozen):
    """One translation with all that its output depends on."""

    translation: TranslationConfig
    """Filters and shard size."""
    decoding: DecodingConfig
    """How the translator decodes."""
    back_decoding: DecodingConfig | None = None
    """How the translator back into English decodes, where there is one."""
