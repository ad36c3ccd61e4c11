"""Training: loss, speed, gradients, memory, data and checkpoints, of pre-training, translators and fine-tuning."""

from __future__ import annotations

from gmlm.monitoring.panels import (
    CHECKPOINTS,
    MODEL,
    MODELS,
    PHASES,
    DashboardSpec,
    Panel,
    Query,
    Threshold,
    Variable,
    of,
    rate,
)
from gmlm.telemetry import names

_SERIES = "{{stage}} {{model}} {{task}} {{phase}}"


def _of(metric: names.MetricName, part: str = "") -> str:
    return of(metric, MODEL, part, stage="$stage")


def _rate(metric: names.MetricName, part: str = "") -> str:
    return rate(metric, MODEL, part, stage="$stage")


LEARNING = (
    Panel(
        "Loss",
        "Loss of the last step in nats. It falls fast, then slowly; a jump that stays is a sign to lower the rate.",
        (Query(_of(names.LOSS), _SERIES),),
        width=12,
    ),
    Panel(
        "Held-out loss",
        "Loss on documents that are never trained on, always with 15 % masked tokens. Where it rises while the loss "
        "falls, the model learns its corpus by heart.",
        (
            Query(_of(names.HELD_OUT_LOSS), "{{model}} phase {{phase}}"),
            Query(_of(names.HELD_OUT_SOURCE_LOSS), "{{model}} phase {{phase}}, {{source}}"),
        ),
        width=12,
    ),
    Panel("Learning rate", "Learning rate of the last step.", (Query(_of(names.LEARNING_RATE), _SERIES),), "none"),
    Panel(
        "Gradient norm",
        "Norm of the gradient before clipping, logarithmic. Orders of magnitude above its habit foretell a spike.",
        (Query(_of(names.GRADIENT_NORM), _SERIES),),
        log=True,
    ),
    Panel(
        "Not finite",
        "Trainings that ended by a loss or gradient that is no number.",
        (Query(_of(names.NOT_FINITE), _SERIES),),
        "none",
        "number",
        thresholds=(Threshold(1, "red"),),
    ),
    Panel(
        "Terms of the loss",
        "Replaced-token detection: losses of generator and discriminator, accuracy, and the share of replaced tokens. "
        'An accuracy of 1 minus that share is what always answering "original" reaches.',
        (
            Query(_of(names.TERM), "{{model}} phase {{phase}}, {{term}}"),
            Query(_of(names.HELD_OUT_TERM), "{{model}} phase {{phase}}, {{term}}, held out"),
        ),
        width=24,
    ),
)
SPEED = (
    Panel(
        "Tokens per second",
        "Tokens trained on a second, over all workers.",
        (Query(_rate(names.TOKENS), _SERIES),),
        width=12,
    ),
    Panel(
        "Model FLOP utilisation",
        "Operations that the model needs over the peak of its devices; 30 to 50 % is good on GPUs. Needs a known peak.",
        (Query(f"{_rate(names.FLOP)} / {_of(names.PEAK_FLOP)}", _SERIES),),
        "percentunit",
        width=12,
    ),
    Panel(
        "Step time",
        "Mean seconds of an optimiser step.",
        (Query(f"{_rate(names.STEP_SECONDS, '_sum')} / {_rate(names.STEP_SECONDS, '_count')}", _SERIES),),
        "s",
        width=6,
    ),
    Panel(
        "Data wait",
        "Share of a step that waits for its batch. Above 20 % the devices starve.",
        (Query(f"{_rate(names.DATA_WAIT)} / {_rate(names.STEP_SECONDS, '_sum')}", _SERIES),),
        "percentunit",
        thresholds=(Threshold(0.05, "yellow"), Threshold(0.2, "red")),
        width=6,
    ),
    Panel(
        "Memory",
        "Resident memory of the process, and memory of its GPU where it has one.",
        (
            Query('process_resident_memory_bytes{study=~"$study"}', "process {{instance}}"),
            Query(of(names.DEVICE_MEMORY), "GPU {{kind}} {{instance}}"),
        ),
        "bytes",
        width=6,
    ),
    Panel(
        "Memory of a token",
        "What a token of a micro-batch takes between forward and backward pass. The room for activations, divided by "
        "it, is the largest 'micro_batch_tokens'.",
        (Query(_of(names.ACTIVATIONS), _SERIES),),
        "bytes",
        width=6,
    ),
)
STATE = (
    Panel(
        "Steps done",
        "Share of the planned optimiser steps.",
        (Query(f"{_of(names.STEP)} / {_of(names.PLANNED_STEPS)}", _SERIES),),
        "percentunit",
    ),
    Panel(
        "Time left",
        "Steps left at the speed of the last minutes.",
        (
            Query(
                f"({_of(names.PLANNED_STEPS)} - {_of(names.STEP)}) / ({_rate(names.STEP_SECONDS, '_count')} > 0)",
                _SERIES,
            ),
        ),
        "s",
    ),
    Panel(
        "Since the last checkpoint",
        "What a crash would cost now.",
        (Query(f"time() - {_of(names.CHECKPOINT)}", _SERIES),),
        "s",
        thresholds=(Threshold(3600, "yellow"), Threshold(7200, "red")),
    ),
    Panel(
        "Checkpoint time",
        "Mean seconds that writing a checkpoint takes; the devices wait for it.",
        (Query(f"{_of(names.CHECKPOINT_SECONDS, '_sum')} / {_of(names.CHECKPOINT_SECONDS, '_count')}", _SERIES),),
        "s",
    ),
)

STAGES = Variable("stage", "Stage", f'label_values({names.STEP.name}{{study=~"$study"}}, stage)')
PRETRAINING = DashboardSpec(
    "gmlm-pretraining",
    "gmlm / Training",
    "How encoders, translators and cells train: learning, speed, and what a crash would cost.",
    {"Learning": LEARNING, "Speed": SPEED, "State": STATE},
    variables=(STAGES, MODELS),
    annotations=(PHASES, CHECKPOINTS),
)
