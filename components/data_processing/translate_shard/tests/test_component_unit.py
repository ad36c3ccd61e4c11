"""`translate_shard` is its function of the library."""

from __future__ import annotations

from typing import Any

import pytest

from components.data_processing.translate_shard.component import translate_shard
from gmlm.kubernetes import fan_out


def test_it_hands_its_inputs_on_and_its_result_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(fan_out, "translate_shard", lambda *arguments: asked.append(arguments) or "done")
    assert translate_shard.python_func("store", "plans/x/1.json", "translate/a#3", "s3://b/study") == "done"
    assert asked == [("store", "plans/x/1.json", "translate/a#3", "s3://b/study")]
