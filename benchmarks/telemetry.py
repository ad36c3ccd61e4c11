"""What metrics of every step cost: the CPU time of the hook, beside that of the smallest training of the quickstart.

The peer is the same loop without the hook. A difference of two trainings would drown in their noise, so the hook's own
calls are timed on a state that training left, and set against the step they belong to.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import torch
from record import finish
from torch import nn
from transformers import ModernBertConfig, ModernBertForMaskedLM

from gmlm.config.optimisation import OptimisationConfig
from gmlm.telemetry.exporting import serve_metrics
from gmlm.training import Batch, Hook, TrainingMetrics, TrainingState, train

GOAL = 0.01
ROUNDS = 7
STEPS = 8
CALLS = 2000
ROWS, LENGTH, VOCABULARY = 4, 256, 2500
"""A step of the quickstart's pre-training: 1024 tokens."""


def small_encoder() -> nn.Module:
    """The quickstart's encoder."""
    torch.manual_seed(0)
    settings = {"hidden_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 256}
    return ModernBertForMaskedLM(ModernBertConfig(vocab_size=VOCABULARY, pad_token_id=0, **settings))


def batches(step: int) -> list[Batch]:
    ids = torch.randint(5, VOCABULARY, (ROWS, LENGTH), generator=torch.Generator().manual_seed(step))
    return [{"input_ids": ids, "labels": ids}]


class KeepState:
    """Keeps the state of the last step."""

    state: TrainingState

    def after_step(self, state: TrainingState) -> None:
        """Keep it."""
        self.state = state


def cpu_of_step(hooks: Sequence[Hook]) -> float:
    """Mean CPU-seconds of an optimiser step."""
    model = small_encoder()
    started = time.process_time()
    train(
        model,
        loss=lambda inner, batch: inner(**batch).loss,
        batches=batches,
        steps=STEPS,
        optimisation=OptimisationConfig(),
        seed=1,
        fingerprint="f",
        hooks=hooks,
    )
    return (time.process_time() - started) / STEPS


def cpu_of_hook(state: TrainingState) -> float:
    """Mean CPU-seconds of the hook's call after a step."""
    hook = TrainingMetrics("pretrain", 1024, model="base", phase="1")
    with hook:
        hook.after_step(state)
        started = time.process_time()
        for _ in range(CALLS):
            hook.after_step(state)
        return (time.process_time() - started) / CALLS


def main() -> None:
    torch.set_num_threads(1)
    serve_metrics(0, "127.0.0.1")
    keep = KeepState()
    samples: dict[str, list[float]] = {"step without metrics": [], "step with metrics": [], "hook": []}
    for _ in range(ROUNDS):
        samples["step without metrics"].append(cpu_of_step([keep]))
        samples["step with metrics"].append(cpu_of_step([TrainingMetrics("pretrain", 1024, model="base")]))
        keep.state.step -= 1  # not the last step, which writes a log line
        samples["hook"].append(cpu_of_hook(keep.state))
    figures = {f"{name}, ms": 1000 * statistics.median(values) for name, values in samples.items()}
    share = figures["hook, ms"] / figures["step without metrics, ms"]
    settings = {"rounds": ROUNDS, "steps": STEPS, "calls": CALLS, "tokens": ROWS * LENGTH}
    finish("telemetry", figure=share, goal=GOAL, figures=figures, settings=settings)


if __name__ == "__main__":
    main()
