"""The model card that a trained model carries (Mitchell et al. 2019), in the Hub's format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gmlm.config import ModelConfig


def model_card(name: str, config: ModelConfig, phases: Sequence[dict[str, Any]]) -> str:
    """README.md: where the model starts, each phase with its corpus and held-out figures, and how to load it."""
    origin = f"`{config.base}`" if config.base else f"random weights ({config.architecture.model_type})"  # type: ignore[union-attr]
    lines = [
        "---",
        "language: de",
        "library_name: transformers",
        "pipeline_tag: fill-mask",
        "tags: [medical, clinical, german]",
        "---",
        f"# {name}",
        "",
        f"A German encoder, pre-trained by masked language modelling with gmlm. It starts from {origin}.",
        "",
        "| phase | corpus | steps | tokens per step | held-out loss | pseudo-perplexity |",
        "|---|---|---|---|---|---|",
        *(_row(number, phase) for number, phase in enumerate(phases, start=1)),
        "",
        "Held-out figures are taken at 15 % token masking on documents that no phase was trained on.",
        "",
        "```python",
        "from transformers import AutoModelForMaskedLM, AutoTokenizer",
        "",
        f'model = AutoModelForMaskedLM.from_pretrained("{name}")',
        f'tokenizer = AutoTokenizer.from_pretrained("{name}")',
        "```",
        "",
    ]
    return "\n".join(lines)


def _row(number: int, phase: dict[str, Any]) -> str:
    last = phase["holdout"][-1] if phase["holdout"] else None
    figures = f"{last['loss']:.4f} | {last['perplexity']:.2f}" if last else "none | none"
    return f"| {number} | {phase['corpus']} | {phase['steps']} | {phase['tokens_per_step']} | {figures} |"
