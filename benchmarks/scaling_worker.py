"""One rank of the scaling benchmark: trains a small BERT and writes bytes sent and seconds of each step.

`python scaling_worker.py LAYOUT STEPS OUTPUT`, also under torchrun. LAYOUT is `torch` or `zero 0` to `zero 3`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import mlm_training as mlm
from collective_bytes import CollectiveBytes

from gmlm.config import OptimisationConfig
from gmlm.pretraining.objective import masked_lm_loss
from gmlm.training import TrainingState, train
from gmlm.training.distributed import join_world

LAYERS, HIDDEN, BATCH_TOKENS = 4, 256, 8192
COUNTED = CollectiveBytes()


class StepRecord:
    """Bytes sent and seconds of each step but the first; a hook of the loop."""

    def __init__(self) -> None:
        self.steps: list[dict[str, float]] = []
        self._started = 0.0

    def after_step(self, state: TrainingState) -> None:
        """The loop calls this."""
        now = time.perf_counter()
        if state.step > 1:
            self.steps.append({"seconds": now - self._started, **COUNTED.sent})
        COUNTED.clear()
        self._started = now


def optimisation(layout: str) -> OptimisationConfig:
    """The settings of a layout."""
    if layout == "torch":
        return OptimisationConfig()
    return OptimisationConfig(engine="deepspeed", zero_stage=int(layout.removeprefix("zero ")))


def main(layout: str, steps: int, output: Path) -> None:
    """Train, and let rank 0 write what it has seen."""
    COUNTED.install()
    world, record, texts = join_world(), StepRecord(), mlm.documents()
    encoder = mlm.model("bert", LAYERS, HIDDEN)
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    batches = mlm.masked_batches(encoder, texts, BATCH_TOKENS)
    train(
        encoder,
        loss=masked_lm_loss,
        batches=batches,
        steps=steps,
        optimisation=optimisation(layout),
        seed=1,
        fingerprint="benchmark",
        hooks=[record],
    )
    if world.is_main:
        tokens = batches.tokens_seen(steps) - batches.tokens_seen(1)
        output.write_text(json.dumps({"parameters": parameters, "tokens": tokens, "steps": record.steps}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
