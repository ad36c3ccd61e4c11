"""`finetune_cell` in a process of its own finishes its node in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.training.finetune_cell.component import finetune_cell

pytestmark = pytest.mark.usefixtures("setup_and_teardown_subprocess_runner")


def test_it_finishes_its_node(planned: Any, stub_study: Path) -> None:
    manifest = planned.manifest("finetune/continued--ner--1")
    before = manifest.read_bytes()
    planned.forget("finetune/continued--ner--1")
    task = finetune_cell(
        store=planned.store, plan=planned.plan, node="finetune/continued--ner--1", study_folder=str(stub_study.parent)
    )
    assert manifest.read_bytes() == before
    assert Path(task.outputs["manifest"].path).read_bytes() == before
    assert task.outputs["metrics"].metadata == {"f1": 0.5}
