"""`export_model` in a process of its own copies a model out of the store."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from components.deployment.export_model.component import export_model
from gmlm.manifest import FileEntry, Manifest

pytestmark = pytest.mark.usefixtures("setup_and_teardown_subprocess_runner")


def give_weights(manifest: Path) -> None:
    """Make the node of a stub look like one that has a model."""
    described = Manifest.from_bytes(manifest.read_bytes())
    data = b"weights"
    (manifest.parent / "model").mkdir()
    (manifest.parent / "model" / "model.safetensors").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    weights = FileEntry(path="model/model.safetensors", bytes=len(data), sha256=sha256)
    manifest.write_bytes(described.model_copy(update={"files": (weights,)}).to_bytes())


def test_the_model_lies_at_its_target(planned: Any, tmp_path: Path) -> None:
    planned.forget("evaluate/small")  # the stub of evaluation has no scores
    give_weights(planned.manifest("pretrain/base"))
    target = tmp_path / "exported"
    task = export_model(store=planned.store, plan=planned.plan, model="base", target=str(target))
    assert {path.name for path in target.iterdir()} == {"model.safetensors", "README.md", "SHA256SUMS"}
    assert (target / "model.safetensors").read_bytes() == b"weights"
    assert Path(task.outputs["card"].path).read_text() == (target / "README.md").read_text()
    assert task.outputs["card"].metadata["node"] == "pretrain/base"
