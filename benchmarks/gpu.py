"""MFU and real tokens per second of pre-training BERT base and large on a GPU, beside Hugging Face's Trainer.

The figure is the MFU of base: 12 layers x 768, 31,102 tokens of vocabulary as gbert-base has them. Operations are those
that predicting 15 % of the tokens needs, with attention within documents; padding and what else is computed in vain do
not count. The Trainer runs bf16 with PyTorch's attention on the concatenated rows of `run_mlm.py`, at the same dropout.
"""

from __future__ import annotations

import sys
from functools import partial

import mlm_training as mlm
import torch
from record import finish

from gmlm.training.distributed import join_world
from gmlm.training.flop import PEAK_VARIABLE, peak_flop_per_second

GOAL = 0.40
ROUNDS, STEPS, ROWS, MASKED = 3, 30, 128, 0.15
PLACE = mlm.Place(gpu=True, vocabulary=31_102, warm=5)
SIZES = {"base": (12, 768, 722e3), "large": (24, 1024, 210e3)}
"""Layers, hidden size, and the tokens per second that are 40 % of an H200's peak."""


def flop_per_token(layers: int, hidden: int, texts: list[list[int]]) -> float:
    """Operations of forward and backward pass: the layers' matrices, attention within documents, the head at 15 %."""
    lengths = [len(text) + 2 for text in texts]
    seen = sum(length**2 for length in lengths) / sum(lengths)
    head = PLACE.vocabulary * hidden + hidden**2
    return 6 * layers * 12 * hidden**2 + 12 * layers * hidden * seen + 6 * head * MASKED


def measured(layers: int, hidden: int, texts: list[list[int]]) -> tuple[dict[str, float], dict[str, float]]:
    """Tokens per second by kind of training, and what else was seen of own training."""
    fresh = partial(mlm.model, "bert", layers, hidden, vocab_size=PLACE.vocabulary)
    joined, seen = mlm.concatenated(texts), {}

    def own(*, compiled: bool) -> mlm.Rates:
        torch.cuda.reset_peak_memory_stats()
        tokens = ROWS * mlm.LENGTH

        def watch(hook: mlm.OwnHook) -> None:
            seen["share of time waiting for data"] = hook.waited / hook.clock.seconds[mlm.ALL]
            seen["bytes per token"] = torch.cuda.max_memory_allocated() / tokens

        settings = {"precision": "bf16", "compile": compiled}
        return mlm.own(fresh(), texts, steps=STEPS, batch_tokens=tokens, place=PLACE, watch=watch, **settings)

    measures: dict[str, mlm.Measure] = {
        "own": partial(own, compiled=False),
        "own compiled": partial(own, compiled=True),
        "concatenated": lambda: mlm.trainer(
            fresh(), joined, steps=STEPS, batch_size=ROWS, precision="bf16", place=PLACE
        ),
    }
    return {name: rates[mlm.ALL] for name, rates in mlm.interleaved(measures, ROUNDS).items()}, seen


def main() -> None:
    if not torch.cuda.is_available():
        sys.exit("bench-gpu needs a GPU: PyTorch finds none")
    peak = peak_flop_per_second(join_world())
    if peak is None:
        sys.exit(f"the peak of {torch.cuda.get_device_name()} is not known: set {PEAK_VARIABLE}")
    figures: dict[str, float] = {}
    texts = mlm.documents(60_000, PLACE.vocabulary)
    for size, (layers, hidden, goal) in SIZES.items():
        found, seen = measured(layers, hidden, texts)
        best, cost = max(found["own"], found["own compiled"]), flop_per_token(layers, hidden, texts)
        figures |= {f"{size} {name} tokens/s": value for name, value in found.items()}
        figures |= {f"{size} {name}": value for name, value in seen.items()}
        figures |= {
            f"{size} MFU": best * cost / peak,
            f"{size} MFU of the Trainer": found["concatenated"] * cost / peak,
            f"{size} ratio to concatenated": best / found["concatenated"],
            f"{size} goal tokens/s on an H200": goal,
        }
    finish(
        "gpu",
        figure=figures["base MFU"],
        goal=GOAL,
        figures=figures,
        settings={
            "rounds": ROUNDS,
            "steps": STEPS,
            "precision": "bf16",
            "tokens per step": ROWS * mlm.LENGTH,
            "gpu": torch.cuda.get_device_name(),
            "peak FLOP/s": peak,
        },
    )


if __name__ == "__main__":
    main()
