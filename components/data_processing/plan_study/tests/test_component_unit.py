"""`plan_study` is its function of the library."""

from __future__ import annotations

from typing import Any

import pytest

from components.data_processing.plan_study.component import plan_study
from gmlm.kubernetes import planning


def test_it_hands_its_inputs_on_and_its_result_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(planning, "plan_study", lambda *arguments: asked.append(arguments) or "plans/x/1.json")
    assert plan_study.python_func("study: x", "store", "folder") == "plans/x/1.json"
    assert asked == [("study: x", "store", "folder")]
