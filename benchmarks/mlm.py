"""Real tokens per second of pre-training beside Hugging Face's Trainer in its three usual settings, bf16 on a CPU.

The figure is the ratio to `run_mlm.py`'s concatenated rows for a BERT of 4 layers x 256.
"""

from __future__ import annotations

import os
from functools import partial

os.environ["OMP_NUM_THREADS"] = "1"

import mlm_training as mlm
import torch
from record import finish

GOAL = 3.0
ROUNDS = 3
SIZES = {"4x256": (4, 256), "6x512": (6, 512)}


def main() -> None:
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    for size, (layers, hidden) in SIZES.items():
        fresh = partial(mlm.model, "bert", layers, hidden)
        found = mlm.beside_the_trainer(fresh, padded_steps=16, rounds=ROUNDS)
        figures |= mlm.figures_of(found, f"{size} ")
    finish(
        "mlm",
        figure=figures["4x256 ratio to concatenated"],
        goal=GOAL,
        figures=figures,
        settings={"rounds": ROUNDS, "precision": "bf16", "threads": 1, "vocabulary": mlm.VOCABULARY},
    )


if __name__ == "__main__":
    main()
