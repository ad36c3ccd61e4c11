"""`check_study` is its function of the library."""

from __future__ import annotations

from typing import Any

import pytest

from components.ops.check_study.component import check_study
from gmlm.kubernetes import checking


def test_it_hands_its_inputs_on_and_its_result_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        checking, "check_study", lambda *arguments: asked.append(arguments) or "x: 1 of 1 nodes finished"
    )
    assert check_study.python_func("store", ["corpus"], "plans/x/1.json") == "x: 1 of 1 nodes finished"
    assert asked == [("store", "plans/x/1.json", ["corpus"])]
