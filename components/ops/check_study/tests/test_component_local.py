"""`check_study` in a process of its own."""

from __future__ import annotations

from typing import Any

import pytest

from components.ops.check_study.component import check_study

pytestmark = pytest.mark.usefixtures("setup_and_teardown_subprocess_runner")


def test_a_finished_study_passes(planned: Any) -> None:
    task = check_study(store=planned.store, plan=planned.plan, stages=[])
    assert task.output == "small: 13 of 13 nodes finished"


def test_an_unfinished_node_fails_the_task(planned: Any) -> None:
    planned.forget("finetune/base--ner--1")
    with pytest.raises(RuntimeError, match="check-study"):
        check_study(store=planned.store, plan=planned.plan, stages=[])
