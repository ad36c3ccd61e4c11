"""`export_model` calls the one function of the library and shows the card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.deployment.export_model.component import export_model
from gmlm import deployment
from gmlm.deployment import Exported


@pytest.mark.parametrize("inside", [False, True])
def test_the_card_is_shown_and_the_target_named(
    monkeypatch: pytest.MonkeyPatch, planned: Any, output: Any, inside: bool
) -> None:
    asked: list[Any] = []
    exported = Exported("pretrain/base", "/models/base", {"a": "b"}, 7, (), "# base\n")
    monkeypatch.setattr(
        deployment, "export_model", lambda *arguments, **options: asked.append((*arguments[2:], options)) or exported
    )
    card = output("card")
    export_model.python_func(planned.store, planned.plan, "base", "/models/base", card, inside)
    assert asked == [("base", "/models/base", {"inside": inside})]
    assert Path(card.path).read_text() == "# base\n"
    assert card.metadata == {"node": "pretrain/base", "target": "/models/base", "bytes": 7}
