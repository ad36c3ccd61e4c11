"""`translate_shard` in a process of its own."""

from __future__ import annotations

from typing import Any

import pytest

from components.data_processing.translate_shard.component import translate_shard

pytestmark = pytest.mark.usefixtures("setup_and_teardown_subprocess_runner")


def test_a_node_that_the_study_lacks_fails_the_task(planned: Any) -> None:
    with pytest.raises(RuntimeError, match="translate"):
        translate_shard(store=planned.store, plan=planned.plan, node="translate/unknown#0")
