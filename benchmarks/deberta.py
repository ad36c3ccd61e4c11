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
    figures = mlm.figures_of(mlm.beside_the_trainer(fresh, padded_steps=16, rounds=ROUNDS))
    finish(
        "deberta",
        figure=figures["ratio to dynamic padding"],
        goal=GOAL,
        figures=figures,
        settings={**mlm.SETTINGS, "rounds": ROUNDS, "layers": LAYERS, "hidden": HIDDEN},
    )


if __name__ == "__main__":
    main()
