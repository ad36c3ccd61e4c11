"""`select_nodes` is its function of the library."""

from __future__ import annotations

from typing import Any

import pytest

from components.ops.select_nodes.component import select_nodes
from gmlm.kubernetes import planning


def test_it_hands_its_inputs_on_and_its_result_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(planning, "select_nodes", lambda *arguments: asked.append(arguments) or ["ingest/a"])
    assert select_nodes.python_func("store", "plans/x/1.json", ["ingest"]) == ["ingest/a"]
    assert asked == [("store", "plans/x/1.json", ["ingest"])]
