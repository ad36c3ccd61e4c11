"""The card of an exported model: the one it was trained with, its scores, what it was made from, its conditions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from gmlm.deployment.usage import training_usage, usage_section, with_emissions
from gmlm.lineage import LineageNode, lineage, render
from gmlm.manifest import Manifest, RawInput, find_manifest, read_file
from gmlm.storage import Store
from gmlm.study.plan import Plan

CARD = "README.md"
"""Where the Hub, and people, look for a model's card."""
FILES_LISTED = 12
"""Raw files of a source up to this number are listed one by one; the store's manifests have them all."""


def exported_card(store: Store, plan: Plan, model: Manifest, reasons: Sequence[str]) -> str:
    """Markdown: the card in the store, or a title where it has none, with the sections of an exported model.

    Args:
        store: The store of the study.
        plan: Its plan.
        model: Manifest of the model.
        reasons: Why the model may not leave the house.
    """
    files = {entry.path for entry in model.files}
    path = f"model/{CARD}"
    card = read_file(store, model, path).decode() if path in files else f"# {model.name}\n"
    usage = training_usage(store, plan, model)
    sections = [with_emissions(card.rstrip(), usage), *_scores(store, plan), *usage_section(usage)]
    return "\n\n".join([*sections, *_conditions(reasons), *_lineage(store, model)]) + "\n"


def _scores(store: Store, plan: Plan) -> list[str]:
    for node in plan.graph.values():
        if node.stage == "evaluate" and (made := find_manifest(store, plan.settle(node.id, store).prefix)):
            from gmlm.report.summary import summary_table

            table = summary_table(json.loads(read_file(store, made, "scores.json")), made.config)
            return ["## Scores", f"```text\n{table}\n```"]
    return ["## Scores", "The study has not compared its models."]


def _conditions(reasons: Sequence[str]) -> list[str]:
    if not reasons:
        return ["## Conditions", "Restricted: no. The licences of the base model and of the texts hold."]
    listed = "\n".join(f"- {reason}" for reason in reasons)
    return ["## Conditions", "Restricted: **yes**. This model may not leave the house:", listed]


def _lineage(store: Store, model: Manifest) -> list[str]:
    tree = render(_shortened(lineage(store, model.prefix)))
    made = f"Made by gmlm {model.code_version}; fingerprint `{model.fingerprint}`."
    return ["## Made from", made, f"```text\n{tree}\n```"]


def _shortened(node: LineageNode) -> LineageNode:
    """The tree with many raw files as one line: their number, bytes, and the sha256 of their lines `SHA256  NAME`."""
    raw = node.raw_inputs
    if len(raw) > FILES_LISTED:
        lines = "".join(sorted(f"{file.sha256}  {file.name}\n" for file in raw))
        sha256 = hashlib.sha256(lines.encode()).hexdigest()
        raw = (RawInput(name=f"{len(raw)} files", bytes=sum(file.bytes for file in raw), sha256=sha256),)
    return replace(node, raw_inputs=raw, inputs=tuple(map(_shortened, node.inputs)))
