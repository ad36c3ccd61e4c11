"""Fixtures for components, pipelines and tests alike: a small study whose stages are stubs, also in other processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

STUDY = """
name: small
sources:
  german: {reader: text, path: texts, language: de}
recipes:
  general: {sources: {german: {}}, decontaminate: false}
tokenizers:
  words: {train: {corpus: general}}
models:
  base:
    architecture: {tokenizer: words}
    phases: [{corpus: general, steps: 2}]
  continued:
    base: base
    phases: [{corpus: general, steps: 2}]
tasks:
  ner: {kind: token_classification, reader: spans_jsonl, path: spans.jsonl}
evaluation: {models: [continued], baseline: base, seeds: [1]}
audit: {models: [continued], reference: some/encoder}
"""

STUBS = """
import os
from collections.abc import Iterator
from dataclasses import replace

from gmlm.study import registry

for stage, entry in registry.STAGES.items():
    registry.STAGES[stage] = replace(entry, function="sitecustomize:work")


def work(config, run):
    node = f"{run.stage}/{run.name}"
    if node == os.environ.get("STUB_FAIL"):
        from gmlm.errors import LabelError

        raise LabelError("a label that is not allowed", where=node, fix="correct it")
    if node == os.environ.get("STUB_DIE"):
        os._exit(137)
    names = ["report.html", "report.md"] if run.stage == "report" else ["output"]
    content = "\\n".join([node, *(made.sha256 for made in run.inputs.values())])
    return run.publish("documents", config, [run.write(name, content.encode()) for name in names], metrics={"f1": 0.5})
"""


@pytest.fixture(scope="session")
def stub_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of every kind of stage in a folder of its own, with its inputs."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "texts").mkdir()
    (folder / "texts" / "a.txt").write_text("Ein Text.", encoding="utf-8")
    (folder / "spans.jsonl").write_text("{}\n", encoding="utf-8")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    return folder / "study.yaml"


@pytest.fixture(scope="module")
def stub_stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Let every process that is started from now on find stubs for stages; STUB_FAIL and STUB_DIE name a node."""
    folder = tmp_path_factory.mktemp("stubs")
    (folder / "sitecustomize.py").write_text(STUBS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        path = os.environ.get("PYTHONPATH")
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(folder), path))))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield folder
