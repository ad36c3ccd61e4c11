"""`select_nodes` in a process of its own."""

from __future__ import annotations

from typing import Any

import pytest

from components.ops.select_nodes.component import select_nodes

pytestmark = pytest.mark.usefixtures("setup_and_teardown_subprocess_runner")


def test_it_chooses_what_can_run(planned: Any) -> None:
    planned.forget("pretrain/base", "finetune/base--ner--1", "finetune/continued--ner--1")
    task = select_nodes(store=planned.store, plan=planned.plan, stages=["finetune"])
    assert task.output == ["finetune/continued--ner--1"]
