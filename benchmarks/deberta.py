"""Real tokens per second of packed DeBERTa-v2 beside Hugging Face's Trainer, which can only pad it, bf16 on a CPU.

The figure is the ratio to dynamic padding.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import mlm_training as mlm
import torch
from record import finish

from gmlm.pretraining.models import DEFAULTS

GOAL, ROUNDS = 2.5, 3
LAYERS, HIDDEN = 4, 256


def fresh() -> torch.nn.Module:
    """The architecture of GeBERTa, small."""
    return mlm.model("deberta-v2", LAYERS, HIDDEN, pad_token_id=0, **DEFAULTS["deberta-v2"])


def main() -> None:
    torch.set_num_threads(1)
    texts = mlm.documents()
    rows, joined = mlm.with_special_tokens(texts), mlm.concatenated(texts)
    found = mlm.interleaved(
        {
            "own": lambda: mlm.own(fresh(), texts, steps=6, batch_tokens=4096, precision="bf16"),
            "concatenated": lambda: mlm.trainer(fresh(), joined, steps=4, batch_size=8, precision="bf16"),
            "dynamic padding": lambda: mlm.trainer(fresh(), rows, steps=12, batch_size=8, precision="bf16"),
            "group_by_length": lambda: mlm.trainer(
                fresh(), rows, steps=12, batch_size=8, precision="bf16", grouped=True
            ),
        },
        ROUNDS,
    )
    figures = {f"{name} tokens/s": value for name, value in found.items()}
    figures |= {f"ratio to {name}": found["own"] / value for name, value in found.items() if name != "own"}
    finish(
        "deberta",
        figure=figures["ratio to dynamic padding"],
        goal=GOAL,
        figures=figures,
        settings={
            "rounds": ROUNDS,
            "precision": "bf16",
            "threads": 1,
            "vocabulary": mlm.VOCABULARY,
            "layers": LAYERS,
            "hidden": HIDDEN,
        },
    )


if __name__ == "__main__":
    main()
