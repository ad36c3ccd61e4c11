"""`report` shows the report's pages, or says in their place why there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.evaluation.report.component import report
from gmlm.kubernetes import node as node_module
from gmlm.kubernetes.node import NodeResult


def run(monkeypatch: pytest.MonkeyPatch, output: Any, result: NodeResult) -> dict[str, str]:
    monkeypatch.setattr(node_module, "run_planned_node", lambda *arguments: result)
    outputs = {name: output(name) for name in ("manifest", "html", "markdown")}
    report.python_func("store", "plans/x/1.json", "report", *outputs.values())
    return {name: Path(made.path).read_text() for name, made in outputs.items()}


def test_it_shows_the_pages(monkeypatch: pytest.MonkeyPatch, output: Any) -> None:
    shown = run(monkeypatch, output, NodeResult("report/x", "done", pages={"html": "<p>", "md": "# T"}))
    assert (shown["html"], shown["markdown"]) == ("<p>", "# T")


def test_without_a_report_it_says_why(monkeypatch: pytest.MonkeyPatch, output: Any) -> None:
    shown = run(monkeypatch, output, NodeResult("report/x", "failed", "the disk is full"))
    assert shown["html"] == shown["markdown"] == "report/x: failed. the disk is full"
