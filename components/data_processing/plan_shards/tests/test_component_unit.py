"""`plan_shards` is its function of the library."""

from __future__ import annotations

from typing import Any

import pytest

from components.data_processing.plan_shards.component import plan_shards
from gmlm.kubernetes import fan_out


def test_it_hands_its_inputs_on_and_its_result_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(fan_out, "plan_shards", lambda *arguments: asked.append(arguments) or ["translate/a#0"])
    assert plan_shards.python_func("store", "plans/x/1.json", 8) == ["translate/a#0"]
    assert asked == [("store", "plans/x/1.json", 8)]
