"""`report` in a process of its own writes the report and shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.evaluation.report.component import report

pytestmark = pytest.mark.usefixtures("setup_and_teardown_subprocess_runner")


def test_it_finishes_its_node_and_shows_it(planned: Any) -> None:
    manifest = planned.manifest("report/small")
    planned.forget("report/small")
    task = report(store=planned.store, plan=planned.plan, node="report")
    assert manifest.is_file()
    assert Path(task.outputs["html"].path).read_bytes() == (manifest.parent / "report.html").read_bytes()
