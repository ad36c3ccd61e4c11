"""What training an exported model has taken, for readers of its card and for the Hub."""

from __future__ import annotations

from gmlm.config import PricesConfig, ReportConfig
from gmlm.manifest import Manifest
from gmlm.report.usage import Usage, read_usage
from gmlm.report.usage_pages import usage_text
from gmlm.storage import Store
from gmlm.study.plan import Plan

FRONT = "---\n"
"""Begins and ends a card's metadata."""


def training_usage(store: Store, plan: Plan, model: Manifest) -> Usage | None:
    """The usage of the pre-training that made a model; None for a model that was not trained, or without a record."""
    if model.stage != "pretrain":
        return None
    output = (model.stage, model.name, model.fingerprint)
    usage = read_usage(store, model.name, [output], _prices(plan))
    return usage if usage.total.attempts else None


def usage_section(usage: Usage | None) -> list[str]:
    """The card's section; none without a record."""
    if usage is None:
        return []
    text = "Of this model's own pre-training alone, without what it starts from, its corpus and its evaluation."
    return ["## Usage", text, f"```text\n{usage_text(usage)}\n```"]


def with_emissions(card: str, usage: Usage | None) -> str:
    """The card with `co2_eq_emissions` in its metadata, where energy was measured and the study says what it emits.

    The keys are the Hub's (huggingface.co/docs/hub/model-cards-co2); the source tells what was measured.
    """
    if usage is None or usage.prices is None or usage.total.grams_co2 is None:
        return card
    source = f"{usage.prices.grams_co2_per_kwh:g} g a kWh; {'; '.join(usage.notes)}"
    lines = f'co2_eq_emissions:\n  emissions: {usage.total.grams_co2:.6g}\n  source: "{source}"\n'
    metadata = f"{FRONT}{lines}  training_type: pre-training\n"
    return metadata + (card.removeprefix(FRONT) if card.startswith(FRONT) else FRONT + card)


def _prices(plan: Plan) -> PricesConfig | None:
    configs = (node.config for node in plan.graph.values())
    return next((config.settings.prices for config in configs if isinstance(config, ReportConfig)), None)
