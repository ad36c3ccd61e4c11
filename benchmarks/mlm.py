"""Real tokens per second of pre-training beside Hugging Face's Trainer in its three usual settings, bf16 on a CPU.

The figure is the ratio to `run_mlm.py`'s concatenated rows for a BERT of 4 layers x 256. It depends on how fast the
processor multiplies in bf16 and in fp32, which are among the figures: where fp32 is faster, own training uses it though
bf16 is asked for, and the Trainer does not. Its fp32 is among the figures, too. The figure also depends on what memory
costs that is had from the system anew; ratios in user time leave that out.
"""

from __future__ import annotations

import os
import time
from functools import partial

os.environ["OMP_NUM_THREADS"] = "1"

import mlm_training as mlm
import torch
from record import finish

GOAL = 3.0
ROUNDS = 3
SIZES = {"4x256": (4, 256), "6x512": (6, 512)}


def multiplication(precision: torch.dtype, times: int = 20) -> float:
    """Gigaflops of a linear layer from 256 to 1,024 values over 4,096 tokens."""
    tokens, weights = torch.randn(4096, 256, dtype=precision), torch.randn(1024, 256, dtype=precision)
    torch.nn.functional.linear(tokens, weights)
    began = time.process_time()
    for _ in range(times):
        torch.nn.functional.linear(tokens, weights)
    return times * 2 * tokens.numel() * 1024 / (time.process_time() - began) / 1e9


def main() -> None:
    torch.set_num_threads(1)
    precisions = {"bf16": torch.bfloat16, "fp32": torch.float32}
    figures = {f"multiplication {name} GFLOP/s": multiplication(each) for name, each in precisions.items()}
    for size, (layers, hidden) in SIZES.items():
        fresh = partial(mlm.model, "bert", layers, hidden)
        found = mlm.beside_the_trainer(fresh, padded_steps=20, rounds=ROUNDS)
        figures |= mlm.figures_of(found, f"{size} ")
    finish(
        "mlm",
        figure=figures["4x256 ratio to concatenated"],
        goal=GOAL,
        figures=figures,
        settings={**mlm.SETTINGS, "rounds": ROUNDS},
    )


if __name__ == "__main__":
    main()
