"""What can be observed is observed somewhere: a rewritten stage must not lose its metrics unnoticed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gmlm.telemetry import metrics

PACKAGE = Path(__file__).parents[3] / "gmlm"
OBSERVATIONS = [name for name in dir(metrics) if name.startswith("observe_")]
CALLS = {
    ast.unparse(node.func).rpartition(".")[2]
    for file in PACKAGE.rglob("*.py")
    if file != PACKAGE / "telemetry" / "metrics.py"
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    if isinstance(node, ast.Call)
}


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_an_observation_is_called(name):
    assert name in CALLS


@pytest.mark.parametrize("room", ["pretraining", "finetuning", "translation"])
def test_whoever_trains_gives_the_hook_of_metrics(room):
    trainers = [text for file in (PACKAGE / room).rglob("*.py") if " train(\n" in (text := file.read_text())]
    assert trainers
    assert all("TrainingMetrics(" in text for text in trainers)
