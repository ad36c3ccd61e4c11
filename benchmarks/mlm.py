"""Real tokens per second of pre-training beside Hugging Face's Trainer in its three usual settings, bf16 on a CPU.

The figure is the ratio to `run_mlm.py`'s concatenated rows for a BERT of 4 layers x 256.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import mlm_training as mlm
import torch
from record import finish

GOAL = 3.0
ROUNDS = 3
SIZES = {"4x256": (4, 256), "6x512": (6, 512)}


def figures_of(layers: int, hidden: int) -> dict[str, float]:
    """Real tokens per CPU-second by setting."""
    texts = mlm.documents()
    rows, joined = mlm.with_special_tokens(texts), mlm.concatenated(texts)

    def fresh() -> torch.nn.Module:
        return mlm.model("bert", layers, hidden)

    return mlm.interleaved(
        {
            "own": lambda: mlm.own(fresh(), texts, steps=6, batch_tokens=4096, precision="bf16"),
            "concatenated": lambda: mlm.trainer(fresh(), joined, steps=4, batch_size=8, precision="bf16"),
            "dynamic padding": lambda: mlm.trainer(fresh(), rows, steps=16, batch_size=8, precision="bf16"),
            "group_by_length": lambda: mlm.trainer(
                fresh(), rows, steps=16, batch_size=8, precision="bf16", grouped=True
            ),
        },
        ROUNDS,
    )


def main() -> None:
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    for size, (layers, hidden) in SIZES.items():
        found = figures_of(layers, hidden)
        figures |= {f"{size} {name} tokens/s": value for name, value in found.items()}
        figures |= {f"{size} ratio to {name}": found["own"] / value for name, value in found.items() if name != "own"}
    finish(
        "mlm",
        figure=figures["4x256 ratio to concatenated"],
        goal=GOAL,
        figures=figures,
        settings={"rounds": ROUNDS, "precision": "bf16", "threads": 1, "vocabulary": mlm.VOCABULARY},
    )


if __name__ == "__main__":
    main()
