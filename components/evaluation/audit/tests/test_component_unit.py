"""`audit` runs the node that it is given and shows the node's manifest and metrics, or why it failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from components.evaluation.audit.component import audit


def test_it_runs_its_node_and_shows_what_became_of_it(check_node_component: Callable[[Any, str], None]) -> None:
    check_node_component(audit, "audit/continued")
