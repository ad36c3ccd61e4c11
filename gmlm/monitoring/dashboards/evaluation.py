"""Evaluation: scores with intervals, differences to the baseline, and cells as they come."""

from __future__ import annotations

from gmlm.monitoring.panels import DashboardSpec, Panel, Query, Threshold, of
from gmlm.telemetry import names


def _best(metric: names.MetricName, /, **labels: str) -> str:
    """One series a model and task, whether it was scraped, pushed, or both."""
    return f"max by (model, task) ({of(metric, **labels)})"


SCORES = (
    Panel(
        "F1 on the test set",
        "Mean over seeds, with the ends of its bootstrap interval.",
        (
            Query(_best(names.SCORE, split="test", metric="f1"), "{{task}} {{model}}"),
            Query(_best(names.SCORE_LOW, split="test"), "{{task}} {{model}} low"),
            Query(_best(names.SCORE_HIGH, split="test"), "{{task}} {{model}} high"),
        ),
        "percentunit",
        "bars",
        12,
    ),
    Panel(
        "Difference to the baseline",
        "F1 minus that of the baseline, with the ends of its paired bootstrap interval. Where that holds 0, the "
        "study shows no difference.",
        (
            Query(_best(names.DIFFERENCE), "{{task}} {{model}}"),
            Query(_best(names.DIFFERENCE_LOW), "{{task}} {{model}} low"),
            Query(_best(names.DIFFERENCE_HIGH), "{{task}} {{model}} high"),
        ),
        "percentunit",
        "bars",
        12,
    ),
)
CELLS = (
    Panel(
        "F1 on dev of the last cell",
        "As fine-tuning goes on: the last seed of each model and task. The test set is for comparing.",
        (Query(_best(names.SCORE, split="dev", metric="f1"), "{{task}} {{model}}"),),
        "percentunit",
        "bars",
    ),
    Panel(
        "Cells finished",
        "Fine-tuned cells: one model, task and seed each.",
        (Query(f"sum({of(names.STAGE_RUNS, stage='finetune', outcome='finished|recognised')})", "cells"),),
        "none",
        "number",
        4,
    ),
    Panel(
        "Cells failed",
        "Cells that failed; the study's table names what is missing.",
        (Query(f"sum({of(names.STAGE_RUNS, stage='finetune', outcome='failed')})", "cells"),),
        "none",
        "number",
        4,
        (Threshold(1, "red"),),
    ),
    Panel(
        "Loss of fine-tuning",
        "Loss of the cell at work.",
        (Query(of(names.LOSS, stage="finetune"), "{{task}} {{model}}"),),
    ),
)

EVALUATION = DashboardSpec(
    "gmlm-evaluation",
    "gmlm / Evaluation",
    "Which encoder is better, and how sure that is.",
    {"Scores": SCORES, "Cells": CELLS},
)
