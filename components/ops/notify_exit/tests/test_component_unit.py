"""`notify_exit` hands the final status to the library."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from components.ops.notify_exit.component import notify_exit
from gmlm.kubernetes import notification


def test_it_hands_the_final_status_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(notification, "notify_exit", lambda *arguments: asked.append(arguments) or "said")
    status = SimpleNamespace(state="FAILED", error_message="broken")
    assert notify_exit.python_func("store", "study: x", "run-1", status) == "said"
    assert asked == [("store", "study: x", "run-1", "FAILED", "broken")]
