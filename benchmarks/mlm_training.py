"""Masked-language-model training here and by Hugging Face's Trainer: real tokens per second of process CPU time.

Documents are random ids with log-normal lengths as clinical texts have them (mean 81, median 59 tokens). Both sides
use one thread, the same model, dropout, optimiser and precision; the first step warms up and does not count.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from gmlm.config import OptimisationConfig
from gmlm.pretraining.batches import BatchSettings, MaskedBatches
from gmlm.pretraining.masking import vocabulary_of
from gmlm.pretraining.objective import masked_lm_loss
from gmlm.pretraining.tokens import TokenCorpus
from gmlm.training import TrainingState, train
from gmlm.training.distributed import join_world
from gmlm.training.dropout import quicken_dropout
from gmlm.training.encoders import packable

VOCABULARY = 8192
LENGTH = 512
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
GROUPED_STEPS = 51
"""The first, and as many as `group_by_length` sorts at once: 50 batches, longest first. Fewer hold long ones only."""
Measure = Callable[[], float]


def tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer; texts here are ids already."""
    from tokenizers import Tokenizer, models

    words = [*SPECIAL, *(f"w{number}" for number in range(VOCABULARY - len(SPECIAL)))]
    core = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(tokenizer_object=core, **dict(zip(names, SPECIAL, strict=True)))


def documents(count: int = 4000) -> list[list[int]]:
    """Token ids without special tokens; no document is longer than a row."""
    generator = np.random.default_rng(0)
    lengths = np.clip(np.exp(generator.normal(4.08, 0.8, count)), 4, LENGTH - 2).astype(int)
    return [generator.integers(len(SPECIAL), VOCABULARY, n).tolist() for n in lengths]


def model(kind: str, layers: int, hidden: int, **settings: Any) -> torch.nn.Module:
    """An encoder with random weights and dropout 0.1."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        kind,
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        intermediate_size=4 * hidden,
        max_position_embeddings=LENGTH,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
        **settings,
    )
    encoder: torch.nn.Module = AutoModelForMaskedLM.from_config(config)
    return encoder


@dataclass
class Clock:
    """Process time since the end of the first step, and what has been counted meanwhile."""

    started: float | None = None
    seconds: float = 0.0

    def tick(self) -> None:
        """A step has ended."""
        now = time.process_time()
        if self.started is None:
            self.started = now
        self.seconds = now - self.started


@dataclass
class OwnHook:
    """Ticks after each step of the loop."""

    clock: Clock = field(default_factory=Clock)

    def after_step(self, state: TrainingState) -> None:
        """The loop calls this."""
        self.clock.tick()


class TrainerClock(TrainerCallback):
    """Ticks after each step of the Trainer."""

    def __init__(self) -> None:
        self.clock = Clock()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """The Trainer calls this."""
        self.clock.tick()


def masked_batches(encoder: torch.nn.Module, texts: list[list[int]], batch_tokens: int) -> MaskedBatches:
    """What `pretrain` makes of documents, one micro-batch a step on each rank."""
    world = join_world()
    settings = BatchSettings(
        sequence_length=LENGTH,
        batch_tokens=batch_tokens,
        micro_batch_tokens=batch_tokens // world.size,
        packed=packable(encoder),
        mask_rate=0.15,
        masking="token",
        seed=1,
        rank=world.rank,
        world_size=world.size,
    )
    corpus = TokenCorpus(np.concatenate(texts).astype(np.int32), np.cumsum([0, *map(len, texts)]))
    return MaskedBatches(corpus, vocabulary_of(tokenizer(), "benchmark"), settings)


def own(encoder: torch.nn.Module, texts: list[list[int]], *, steps: int, batch_tokens: int, precision: str) -> float:
    """Real tokens per CPU-second of the loop and objective that `pretrain` uses."""
    quicken_dropout(encoder)
    batches, hook = masked_batches(encoder, texts, batch_tokens), OwnHook()
    train(
        encoder,
        loss=masked_lm_loss,
        batches=batches,
        steps=steps,
        optimisation=OptimisationConfig(precision=precision),
        seed=1,
        fingerprint="benchmark",
        hooks=[hook],
    )
    return (batches.tokens_seen(steps) - batches.tokens_seen(1)) / hook.clock.seconds


def trainer(
    encoder: torch.nn.Module,
    rows: list[list[int]],
    *,
    steps: int,
    batch_size: int,
    precision: str,
    grouped: bool = False,
) -> float:
    """Real tokens per CPU-second of Hugging Face's Trainer on rows of ids, special tokens included."""
    callback, seen = TrainerClock(), []
    inner = DataCollatorForLanguageModeling(tokenizer(), mlm_probability=0.15)

    def collate(features: list[dict[str, list[int]]]) -> Mapping[str, torch.Tensor]:
        seen.append(sum(len(feature["input_ids"]) for feature in features))
        batch: Mapping[str, torch.Tensor] = inner(features)
        return batch

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            max_steps=steps,
            per_device_train_batch_size=batch_size,
            train_sampling_strategy="group_by_length" if grouped else "random",
            bf16=precision == "bf16",
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        data = [{"input_ids": row} for row in rows]
        Trainer(encoder, arguments, data_collator=collate, train_dataset=data, callbacks=[callback]).train()
    return sum(seen[1:steps]) / callback.clock.seconds


def with_special_tokens(texts: list[list[int]]) -> list[list[int]]:
    """[CLS] and [SEP] around each document."""
    return [[2, *text, 3] for text in texts]


def concatenated(texts: list[list[int]]) -> list[list[int]]:
    """Rows of full length as `run_mlm.py` makes them: documents joined, cut anywhere, the rest dropped."""
    flat = [token for text in with_special_tokens(texts) for token in text]
    return [flat[start : start + LENGTH] for start in range(0, len(flat) - LENGTH + 1, LENGTH)]


def interleaved(measures: Mapping[str, Measure], rounds: int) -> dict[str, float]:
    """The median of each measure over rounds in which all are taken in turn."""
    samples: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            samples[name].append(measure())
    return {name: statistics.median(values) for name, values in samples.items()}


def beside_the_trainer(fresh: Callable[[], torch.nn.Module], *, padded_steps: int, rounds: int) -> dict[str, float]:
    """Real tokens per CPU-second here and by the Trainer in its three usual settings, bf16, by name of the setting.

    Where the processor multiplies fp32 faster than bf16, own training uses that; so one setting is there in fp32 too.

    Args:
        fresh: Makes the encoder, with the same weights each time.
        padded_steps: Steps of eight padded documents, which are much shorter than those of eight whole rows.
        rounds: Of which the median is taken.
    """
    texts = documents()
    rows, joined = with_special_tokens(texts), concatenated(texts)

    def padded(steps: int, *, grouped: bool) -> float:
        return trainer(fresh(), rows, steps=steps, batch_size=8, precision="bf16", grouped=grouped)

    def whole(precision: str) -> float:
        return trainer(fresh(), joined, steps=4, batch_size=8, precision=precision)

    return interleaved(
        {
            "own": lambda: own(fresh(), texts, steps=6, batch_tokens=4096, precision="bf16"),
            "concatenated": lambda: whole("bf16"),
            "concatenated in fp32": lambda: whole("fp32"),
            "dynamic padding": lambda: padded(padded_steps, grouped=False),
            "group_by_length": lambda: padded(GROUPED_STEPS, grouped=True),
        },
        rounds,
    )


def figures_of(found: Mapping[str, float], prefix: str = "") -> dict[str, float]:
    """Tokens per second, and the ratios to each peer, with names for the record."""
    ratios = {f"{prefix}ratio to {name}": found["own"] / value for name, value in found.items() if name != "own"}
    return {f"{prefix}{name} tokens/s": value for name, value in found.items()} | ratios
