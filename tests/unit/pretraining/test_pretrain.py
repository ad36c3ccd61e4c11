"""The stage `pretrain`: learns, publishes what AutoModel loads, and resumes to the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from gmlm.config import ArchitectureConfig, ModelConfig, OptimisationConfig, PhaseConfig
from gmlm.manifest import Manifest
from gmlm.pretraining.pretrain import pretrain
from gmlm.stage import StageRun

MakeRun = Callable[..., StageRun]
MakeTokens = Callable[..., Manifest]

SETTINGS: Mapping[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
OPTIMISATION = OptimisationConfig(learning_rate=5e-3, warmup_ratio=0.1, log_every=5)


def counting(count: int, start: int = 0) -> list[list[int]]:
    """Documents that count in a circle of eight tokens."""
    return [[5 + (start + 7 * d + i) % 8 for i in range(8 + d % 20)] for d in range(count)]


def phase(**changes: Any) -> PhaseConfig:
    plain = {"corpus": "c", "steps": 10, "sequence_length": 32, "batch_tokens": 256, "optimisation": OPTIMISATION}
    return PhaseConfig(**{**plain, **changes})


def from_scratch(*phases: PhaseConfig, model_type: str = "bert", **settings: Any) -> ModelConfig:
    architecture = ArchitectureConfig(model_type=model_type, tokenizer="t", settings={**SETTINGS, **settings})
    return ModelConfig(architecture=architecture, phases=phases)


@pytest.fixture
def inputs(make_tokens: MakeTokens, tokenizer_input: Manifest) -> dict[str, Manifest]:
    return {"tokenizer": tokenizer_input, "tokens:0": make_tokens(counting(60), counting(20, start=3))}


def training_report(run: StageRun) -> list[dict[str, Any]]:
    return list(json.loads(run.store.read(run.key("training.json")))["phases"])


def test_the_model_learns_its_corpus(make_run: MakeRun, inputs: dict[str, Manifest]) -> None:
    run = make_run("pretrain", inputs=inputs)
    manifest = pretrain(from_scratch(phase(steps=60)), run)
    (report,) = training_report(run)
    assert report["holdout"][0]["step"] == 0
    assert report["holdout"][-1]["loss"] < 0.6 * report["holdout"][0]["loss"]
    assert manifest.metrics["holdout_loss"] == report["holdout"][-1]["loss"]
    assert [point["step"] for point in report["curve"]] == list(range(5, 61, 5))


@pytest.mark.parametrize("model_type", ["bert", "roberta", "electra", "modernbert", "deberta-v2"])
def test_every_architecture_trains_and_loads_again(
    model_type: str, make_run: MakeRun, inputs: dict[str, Manifest]
) -> None:
    run = make_run("pretrain", inputs=inputs)
    manifest = pretrain(from_scratch(phase(steps=2), model_type=model_type), run)
    folder = run.local_folder(manifest, "model")
    model = AutoModelForMaskedLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    logits = model(**tokenizer("w1 w2 [MASK]", return_tensors="pt")).logits
    assert torch.isfinite(logits).all()
    assert logits.shape == (1, 5, 100)
    assert {entry.path for entry in manifest.files} >= {"model/README.md", "model/model.safetensors", "training.json"}
