"""`audit` in a process of its own finishes its node in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.evaluation.audit.component import audit

pytestmark = pytest.mark.usefixtures("setup_and_teardown_subprocess_runner")


def test_it_finishes_its_node(planned: Any, stub_study: Path) -> None:
    manifest = planned.manifest("audit/continued")
    before = manifest.read_bytes()
    planned.forget("audit/continued")
    node, folder = "audit/continued", str(stub_study.parent)
    task = audit(store=planned.store, plan=planned.plan, node=node, study_folder=folder)
    assert manifest.read_bytes() == before
    assert Path(task.outputs["manifest"].path).read_bytes() == before
    assert task.outputs["metrics"].metadata == {"f1": 0.5}
