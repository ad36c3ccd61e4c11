"""A finished study in a folder: two models, one of them trained on translated notes that may not leave the house."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from gmlm.config import parse_study
from gmlm.manifest import FileEntry, InputManifest, Manifest, publish_manifest
from gmlm.storage.local import LocalStore
from gmlm.study.graph import build_graph
from gmlm.study.plan import Plan, PlannedNode, plan_study

STUDY = """
name: s
sources:
  wiki: {reader: text, path: wiki, language: de}
  notes: {reader: text, path: notes, language: en, restricted: true}
translators:
  marian: {model: translator}
translations:
  notes-de: {source: notes, translator: marian}
recipes:
  general: {sources: {wiki: {}}, decontaminate: false}
  clinical: {sources: {notes-de: {}}, decontaminate: false}
tokenizers:
  words: {train: {corpus: general}}
models:
  base:
    architecture: {tokenizer: words}
    phases: [{corpus: general, steps: 2}]
  clinical:
    base: base
    phases: [{corpus: clinical, steps: 2}]
  further:
    base: clinical
    phases: [{corpus: general, steps: 2}]
"""
WEIGHTS = b"weights of "


@dataclass(frozen=True)
class Finished:
    """The store, and the study's plan."""

    store: LocalStore
    plan: Plan

    def key(self, node: str, path: str) -> str:
        """Key of one of a node's files."""
        return f"{self.plan.nodes[node].prefix}/{path}"


@pytest.fixture
def finished(tmp_path: Path) -> Finished:
    for name in ("wiki", "notes", "translator"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name, encoding="utf-8")
    plan = plan_study(build_graph(parse_study(STUDY)), tmp_path)
    store = LocalStore(tmp_path / "store")
    made: dict[str, Manifest] = {}
    for planned in plan.nodes.values():
        made[planned.node.id] = _finish(store, planned, made)
    return Finished(store, plan)


@pytest.fixture
def study_file(finished: Finished, tmp_path: Path) -> Path:
    """The study as the command line reads it."""
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    return tmp_path / "study.yaml"


def _finish(store: LocalStore, planned: PlannedNode, made: dict[str, Manifest]) -> Manifest:
    node, files = planned.node, {"output": b"x"}
    if node.stage == "pretrain":
        files = {
            "model/model.safetensors": WEIGHTS + node.name.encode(),
            "model/config.json": b"{}",
            "model/tokenizer.json": b"{}",
            "model/README.md": f"# {node.name}\n\nTrained.\n".encode(),
            "training.json": b"{}",
        }
    entries = [
        FileEntry(path=path, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()) for path, data in files.items()
    ]
    for path, data in files.items():
        store.write(f"{planned.prefix}/{path}", data)
    manifest = Manifest(
        kind="model" if node.stage == "pretrain" else "documents",
        stage=node.stage,
        name=node.name,
        fingerprint=planned.fingerprint,
        code_version="1",
        config=node.config.model_dump(mode="json"),
        inputs=tuple(
            InputManifest(role=role, prefix=made[source].prefix, sha256=made[source].sha256)
            for role, source in node.inputs.items()
        ),
        raw_inputs=planned.raw_inputs,
        files=tuple(entries),
        prefix=planned.prefix,
    )
    return publish_manifest(store, manifest)
