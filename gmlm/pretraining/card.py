"""The model card that a trained model carries (Mitchell et al. 2019), in the Hub's format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gmlm.config import ModelConfig

_METHODS = {
    "masked_language_modeling": "masked language modelling",
    "replaced_token_detection": "replaced-token detection (ELECTRA, Clark et al. 2020)",
}
GENERATOR_NOTE = (
    "It is a discriminator; the folder `generator` holds the masked language model that it was trained with. Its "
    "held-out loss is that of the generator plus the weighted one of the discriminator, and not one of masked tokens."
)


def model_card(name: str, config: ModelConfig, phases: Sequence[dict[str, Any]]) -> str:
    """README.md: where the model starts, each phase with its corpus and held-out figures, and how to load it."""
    origin = f"`{config.base}`" if config.base else f"random weights ({config.architecture.model_type})"  # type: ignore[union-attr]
    head = "ElectraForPreTraining" if config.detects else "AutoModelForMaskedLM"
    lines = [
        "---",
        "language: de",
        "library_name: transformers",
        *([] if config.detects else ["pipeline_tag: fill-mask"]),
        "tags: [medical, clinical, german]",
        "---",
        f"# {name}",
        "",
        f"A German encoder, pre-trained by {_METHODS[config.objective]} with gmlm. It starts from {origin}.",
        "",
        *([GENERATOR_NOTE, ""] if config.detects else []),
        "| phase | corpus | steps | tokens per step | held-out loss | pseudo-perplexity |",
        "|---|---|---|---|---|---|",
        *(_row(number, phase) for number, phase in enumerate(phases, start=1)),
        "",
        "Held-out figures are taken at 15 % token masking on documents that no phase was trained on.",
        "",
        "```python",
        f"from transformers import {head}, AutoTokenizer",
        "",
        f'model = {head}.from_pretrained("{name}")',
        f'tokenizer = AutoTokenizer.from_pretrained("{name}")',
        "```",
        "",
    ]
    return "\n".join(lines)


def _row(number: int, phase: dict[str, Any]) -> str:
    last = phase["holdout"][-1] if phase["holdout"] else None
    perplexity = f"{last['perplexity']:.2f}" if last and "perplexity" in last else "none"
    figures = f"{last['loss']:.4f} | {perplexity}" if last else "none | none"
    return f"| {number} | {phase['corpus']} | {phase['steps']} | {phase['tokens_per_step']} | {figures} |"
