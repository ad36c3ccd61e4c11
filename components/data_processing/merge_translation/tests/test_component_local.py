"""`merge_translation` in a process of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.data_processing.merge_translation.component import merge_translation

pytestmark = pytest.mark.usefixtures("setup_and_teardown_subprocess_runner")


def test_a_study_without_translations_leaves_the_stage_out(planned: Any) -> None:
    task = merge_translation(store=planned.store, plan=planned.plan, node="translate")
    with open(task.outputs["manifest"].path) as file:
        assert json.load(file)["status"] == "left out"


def test_a_node_that_the_study_lacks_fails_the_task(planned: Any) -> None:
    with pytest.raises(RuntimeError, match="translat"):
        merge_translation(store=planned.store, plan=planned.plan, node="translate/unknown")
