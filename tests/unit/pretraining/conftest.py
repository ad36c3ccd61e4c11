"""A tiny WordPiece tokenizer and tokenised corpora, made on the spot."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from gmlm.config import TokenizerConfig, TokensConfig
from gmlm.manifest import Manifest
from gmlm.pretraining import phase as pretraining_phase
from gmlm.pretraining.masking import Vocabulary, vocabulary_of
from gmlm.pretraining.tokens import TokenCorpus
from gmlm.shards import ShardWriter
from gmlm.stage import StageRun

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
TOKENS_SCHEMA = pa.schema([("id", pa.string()), ("input_ids", pa.list_(pa.int32()))])

MakeTokens = Callable[..., Manifest]
StopAfter = Callable[[int, str, pytest.MonkeyPatch], None]


@pytest.fixture
def stop_after() -> StopAfter:
    """Send SIGTERM to this process in one forward pass of a loss: stop_after(calls, name of the loss, patch)."""

    def stop(calls: int, name: str, patch: pytest.MonkeyPatch) -> None:
        count, sound = itertools.count(1), getattr(pretraining_phase, name)

        def loss(model: Any, batch: Any) -> torch.Tensor:
            if next(count) == calls:
                os.kill(os.getpid(), signal.SIGTERM)
            return sound(model, batch)

        patch.setattr(pretraining_phase, name, loss)

    return stop


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    """Special tokens, 60 words w0..w59, and 35 continuations ##c0..##c34: 100 tokens."""
    tokens = [*SPECIAL, *(f"w{i}" for i in range(60)), *(f"##c{i}" for i in range(35))]
    core = Tokenizer(models.WordPiece({token: i for i, token in enumerate(tokens)}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(tokenizer_object=core, **dict(zip(names, SPECIAL, strict=True)))


@pytest.fixture
def vocabulary(tokenizer: PreTrainedTokenizerFast) -> Vocabulary:
    return vocabulary_of(tokenizer, "test")


def documents(count: int, seed: int = 0, longest: int = 40) -> list[list[int]]:
    """Documents of a language with one rule: each token is followed by the next one of the vocabulary."""
    generator = np.random.default_rng(seed)
    starts, lengths = generator.integers(0, 60, count), generator.integers(1, longest, count)
    return [[5 + (int(a) + i) % 60 for i in range(n)] for a, n in zip(starts, lengths, strict=True)]


def corpus_of(texts: Sequence[Sequence[int]]) -> TokenCorpus:
    flat = np.array([token for text in texts for token in text], np.int32)
    return TokenCorpus(flat, np.cumsum([0, *(len(text) for text in texts)]))


@pytest.fixture
def make_tokens(make_run: Callable[..., StageRun]) -> MakeTokens:
    """Put a tokenised corpus into the store: make_tokens(train, holdout)."""

    def make(train: Sequence[Sequence[int]], holdout: Sequence[Sequence[int]] = (), name: str = "c") -> Manifest:
        run = make_run("tokens", name)
        files = []
        for folder, texts in (("train", train), ("holdout", holdout)):
            writer = ShardWriter(run, TOKENS_SCHEMA, folder=folder, rows_per_shard=20)
            for index, text in enumerate(texts):
                writer.write({"id": f"d{index}", "input_ids": list(text)})
            writer.flush()
            files += writer.entries
        return run.publish("tokens", TokensConfig(), files)

    return make


@pytest.fixture
def tokenizer_input(make_run: Callable[..., StageRun], tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> Manifest:
    """The tokenizer as finished output of its stage."""
    run = make_run("tokenizer", "t")
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    return run.publish("tokenizer", TokenizerConfig(model="x"), run.upload_folder(tmp_path / "tokenizer", "tokenizer"))
