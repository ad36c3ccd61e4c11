"""`notify_exit` hands its inputs to the library."""

from __future__ import annotations

from typing import Any

import pytest

from components.ops.notify_exit.component import notify_exit
from gmlm.kubernetes import notification


def test_it_hands_its_inputs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(notification, "notify_exit", lambda *arguments: asked.append(arguments) or "said")
    assert notify_exit.python_func("store", "study: x", "run-1") == "said"
    assert asked == [("store", "study: x", "run-1")]
