"""Masked-language-model training here and by Hugging Face's Trainer: real tokens per second.

Documents are random ids with log-normal lengths as clinical texts have them (mean 81, median 59 tokens). Both sides use
the same model, dropout, optimiser and precision. The first steps warm up and do not count: until then memory is touched
for the first time, which in a virtual machine costs more than the arithmetic. On a CPU both use one thread, and seconds
are those of its process; on a GPU they are those of the clock.

The Trainer's logits at every token are so large that the C library has their memory from the system anew in each step.
What that costs depends on the system more than on the processor; so on a CPU there are rates by user time, too, in
which the system's share of the work is left out.
"""

from __future__ import annotations

import resource
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
"""The first, which alone warms up here, and as many as `group_by_length` sorts at once: 50 batches, longest first."""
ALL, IN_USER_TIME = "", " in user time"
"""Kinds of seconds, as they end a figure's name; the latter are on a CPU only."""
Rates = Mapping[str, float]
"""Real tokens per second, by kind of seconds."""
Measure = Callable[[], Rates]


@dataclass(frozen=True)
class Place:
    """Where both sides train.

    Attributes:
        gpu: On a GPU; else on one thread of a CPU.
        vocabulary: Tokens that the model knows.
        warm: Steps that do not count.
    """

    gpu: bool = False
    vocabulary: int = VOCABULARY
    warm: int = 4

    def now(self) -> Mapping[str, float]:
        """Seconds of the process by kind, or of the clock when the GPU has done all that it was told."""
        if not self.gpu:
            return {ALL: time.process_time(), IN_USER_TIME: resource.getrusage(resource.RUSAGE_SELF).ru_utime}
        torch.cuda.synchronize()
        return {ALL: time.perf_counter()}


CPU, GROUPED = Place(), Place(warm=1)
SETTINGS = {"precision": "bf16", "threads": 1, "vocabulary": VOCABULARY, "warm-up steps": CPU.warm}
"""What `beside_the_trainer` measures with, for the record."""


def tokenizer(vocabulary: int = VOCABULARY) -> PreTrainedTokenizerFast:
    """A word-level tokenizer; texts here are ids already."""
    from tokenizers import Tokenizer, models

    words = [*SPECIAL, *(f"w{number}" for number in range(vocabulary - len(SPECIAL)))]
    core = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(tokenizer_object=core, **dict(zip(names, SPECIAL, strict=True)))


def documents(count: int = 4000, vocabulary: int = VOCABULARY) -> list[list[int]]:
    """Token ids without special tokens; no document is longer than a row."""
    generator = np.random.default_rng(0)
    lengths = np.clip(np.exp(generator.normal(4.08, 0.8, count)), 4, LENGTH - 2).astype(int)
    return [generator.integers(len(SPECIAL), vocabulary, n).tolist() for n in lengths]


def model(kind: str, layers: int, hidden: int, **settings: Any) -> torch.nn.Module:
    """An encoder with random weights and dropout 0.1."""
    torch.manual_seed(0)
    sizes = {
        "vocab_size": VOCABULARY,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // 64,
        "intermediate_size": 4 * hidden,
        "max_position_embeddings": LENGTH,
    }
    dropout = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
    config = AutoConfig.for_model(kind, **{**sizes, **dropout, **settings})
    encoder: torch.nn.Module = AutoModelForMaskedLM.from_config(config)
    return encoder


@dataclass
class Clock:
    """Seconds from the end of the last step that warms up to that of the last of all."""

    place: Place = CPU
    ticks: list[Mapping[str, float]] = field(default_factory=list)

    def tick(self, step: int, steps: int) -> None:
        """A step of so many has ended."""
        if step in (self.place.warm, steps):
            self.ticks.append(self.place.now())

    @property
    def seconds(self) -> Mapping[str, float]:
        """Of what counts, by kind."""
        began, ended = self.ticks
        return {kind: ended[kind] - began[kind] for kind in began}

    def rates(self, tokens: int) -> Rates:
        """So many tokens by the seconds that they took."""
        return {kind: tokens / seconds for kind, seconds in self.seconds.items()}


@dataclass
class OwnHook:
    """Ticks after each step of the loop."""

    clock: Clock = field(default_factory=Clock)
    waited: float = 0.0

    def after_step(self, state: TrainingState) -> None:
        """The loop calls this."""
        self.clock.tick(state.step, state.steps)
        if state.step > self.clock.place.warm:
            self.waited += state.data_seconds


class TrainerClock(TrainerCallback):
    """Ticks after each step of the Trainer."""

    def __init__(self, place: Place) -> None:
        self.clock = Clock(place)

    def on_step_end(self, arguments: Any, state: Any, *_: Any, **__: Any) -> None:
        """The Trainer calls this."""
        self.clock.tick(state.global_step, state.max_steps)


def masked_batches(
    encoder: torch.nn.Module, texts: list[list[int]], batch_tokens: int, vocabulary: int = VOCABULARY
) -> MaskedBatches:
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
    return MaskedBatches(corpus, vocabulary_of(tokenizer(vocabulary), "benchmark"), settings)


def own(
    encoder: torch.nn.Module,
    texts: list[list[int]],
    *,
    steps: int,
    batch_tokens: int,
    place: Place = CPU,
    watch: Callable[[OwnHook], None] = lambda hook: None,
    **settings: Any,
) -> Rates:
    """Real tokens per second of the loop and objective that `pretrain` uses; `settings` are the optimisation's."""
    quicken_dropout(encoder)
    batches, hook = masked_batches(encoder, texts, batch_tokens, place.vocabulary), OwnHook(Clock(place))
    train(
        encoder,
        loss=masked_lm_loss,
        batches=batches,
        steps=steps,
        optimisation=OptimisationConfig(**settings),
        seed=1,
        fingerprint="benchmark",
        hooks=[hook],
    )
    watch(hook)
    return hook.clock.rates(batches.tokens_seen(steps) - batches.tokens_seen(place.warm))


def trainer(
    encoder: torch.nn.Module,
    rows: list[list[int]],
    *,
    steps: int,
    batch_size: int,
    precision: str,
    grouped: bool = False,
    place: Place = CPU,
) -> Rates:
    """Real tokens per second of Hugging Face's Trainer on rows of ids, special tokens included."""
    callback, seen = TrainerClock(place), []
    inner = DataCollatorForLanguageModeling(tokenizer(place.vocabulary), mlm_probability=0.15)

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
            use_cpu=not place.gpu,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        data = [{"input_ids": row} for row in rows]
        Trainer(encoder, arguments, data_collator=collate, train_dataset=data, callbacks=[callback]).train()
    return callback.clock.rates(sum(seen[place.warm : steps]))


def with_special_tokens(texts: list[list[int]]) -> list[list[int]]:
    """[CLS] and [SEP] around each document."""
    return [[2, *text, 3] for text in texts]


def concatenated(texts: list[list[int]]) -> list[list[int]]:
    """Rows of full length as `run_mlm.py` makes them: documents joined, cut anywhere, the rest dropped."""
    flat = [token for text in with_special_tokens(texts) for token in text]
    return [flat[start : start + LENGTH] for start in range(0, len(flat) - LENGTH + 1, LENGTH)]


def interleaved(measures: Mapping[str, Measure], rounds: int) -> dict[str, Rates]:
    """The median rates of each measure over rounds in which all are taken in turn."""
    samples: dict[str, list[Rates]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            samples[name].append(measure())
    return {
        name: {kind: statistics.median(rates[kind] for rates in taken) for kind in taken[0]}
        for name, taken in samples.items()
    }


def beside_the_trainer(fresh: Callable[[], torch.nn.Module], *, padded_steps: int, rounds: int) -> dict[str, Rates]:
    """Real tokens per CPU-second here and by the Trainer in its three usual settings, bf16, by name of the setting.

    Where the processor multiplies fp32 faster than bf16, own training uses that; so one setting is there in fp32 too.

    Args:
        fresh: Makes the encoder, with the same weights each time.
        padded_steps: Steps of eight padded documents, which are much shorter than those of eight whole rows.
        rounds: Of which the median is taken.
    """
    texts = documents()
    rows, joined = with_special_tokens(texts), concatenated(texts)

    def padded(steps: int, place: Place, *, grouped: bool) -> Rates:
        return trainer(fresh(), rows, steps=steps, batch_size=8, precision="bf16", grouped=grouped, place=place)

    def whole(precision: str) -> Rates:
        return trainer(fresh(), joined, steps=8, batch_size=8, precision=precision)

    return interleaved(
        {
            "own": lambda: own(fresh(), texts, steps=12, batch_tokens=4096, precision="bf16"),
            "concatenated": lambda: whole("bf16"),
            "concatenated in fp32": lambda: whole("fp32"),
            "dynamic padding": lambda: padded(padded_steps, CPU, grouped=False),
            "group_by_length": lambda: padded(GROUPED_STEPS, GROUPED, grouped=True),
        },
        rounds,
    )


def figures_of(found: Mapping[str, Rates], prefix: str = "") -> dict[str, float]:
    """Tokens per second, and the ratios to each peer, with names for the record."""
    figures = {}
    for name, rates in found.items():
        for kind, rate in rates.items():
            figures[f"{prefix}{name}{kind} tokens/s"] = rate
            if name != "own":
                figures[f"{prefix}ratio to {name}{kind}"] = found["own"][kind] / rate
    return figures
