"""`plan_shards` in a process of its own."""

from __future__ import annotations

from typing import Any

import pytest

from components.data_processing.plan_shards.component import plan_shards

pytestmark = pytest.mark.usefixtures("setup_and_teardown_subprocess_runner")


def test_a_study_without_translations_has_no_shards(planned: Any) -> None:
    assert plan_shards(store=planned.store, plan=planned.plan, tasks=4).output == []
