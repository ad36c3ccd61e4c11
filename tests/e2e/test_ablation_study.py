"""A study with ablations, end to end: each value is trained, fine-tuned and a point of a plot in the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gmlm.manifest import read_manifest
from gmlm.study import commands
from gmlm.study.commands import OpenStudy
from gmlm.study.selection import Selection

ABLATIONS = """
extends: study.yaml
name: ablations
ablations:
  amount: {models: [translated], checkpoints: [0, 2, 4, 6]}
  masks: {models: [translated], mask_rate: [0.15, 0.4]}
  corpora: {models: [translated], corpus: [general, translated]}
  quality: {models: [translated], min_translation_quality: [0.0, 0.2]}
evaluation: {tasks: [chapters], seeds: [1, 2]}
translations:
  pubmed_de: {quality: {}}
  mimic_de: {quality: {}}
"""


@pytest.fixture(scope="module")
def ablated(tiny_study: Path) -> OpenStudy:
    """The finished study."""
    file = tiny_study.with_name("ablations.yaml")
    file.write_text(ABLATIONS, encoding="utf-8")
    store = str(file.parent / "ablations")
    study, outcome = commands.run(file, Selection(), store=store, observer=lambda node, outcome: None)
    assert outcome.failures == {}
    return study


@pytest.mark.slow
def test_every_ablation_is_a_plot_over_its_values(ablated: OpenStudy) -> None:
    report = ablated.plan.nodes["report/ablations"].prefix
    made = {one["name"]: one for one in json.loads(ablated.store.read(f"{report}/report.json"))["ablations"]}
    points = {name: [(p["value"], p["model"]) for p in one["lines"]["translated"]] for name, one in made.items()}
    tokens = ablated.config.models["translated"].phases[-1].batch_tokens
    assert points == {
        "amount": [
            ("0", "base"),
            (f"{2 * tokens:,}", "translated.step-2"),
            (f"{4 * tokens:,}", "translated.step-4"),
            (f"{6 * tokens:,}", "translated"),
        ],
        "masks": [("0.15", "translated.mask-0.15"), ("0.4", "translated.mask-0.4")],
        "corpora": [("general", "translated.corpus-general"), ("translated", "translated")],
        "quality": [("0", "translated.quality-0"), ("0.2", "translated.quality-0.2")],
    }
    page = ablated.store.read(f"{report}/report.html").decode()
    section = page[page.index('id="ablations"') :]
    assert section[: section.index("</section>")].count("<svg") == len(made)


@pytest.mark.slow
def test_checkpoints_are_weights_of_one_run_at_different_steps(ablated: OpenStudy) -> None:
    nodes = ["checkpoint/translated.step-2", "checkpoint/translated.step-4", "pretrain/translated"]
    made = [read_manifest(ablated.store, ablated.plan.nodes[node].prefix) for node in nodes]
    assert {manifest.inputs[0].prefix for manifest in made[:2]} == {made[2].prefix}
    sums = [entry.sha256 for manifest in made for entry in manifest.files if entry.path == "model/model.safetensors"]
    assert len(set(sums)) == 3
