"""The word on a run holds failed nodes and dead pods, and never fails itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gmlm.errors import LabelError
from gmlm.kubernetes.node import run_planned_node
from gmlm.kubernetes.notification import notify_exit
from gmlm.kubernetes.pods import pod_failures


def test_it_names_failed_nodes(study: Any) -> None:
    study.failures["ingest/german"] = LabelError("a wrong label")
    run_planned_node(str(study.store), study.plan, "ingest/german", str(study.file.parent))
    word = notify_exit(str(study.store), study.file.read_text(), "run-1")
    assert word.splitlines() == ["run run-1 has ended", "ingest/german: LabelError: a wrong label"]


def test_a_run_that_could_not_read_its_study_still_has_its_word(tmp_path: Path) -> None:
    word = notify_exit(str(tmp_path), "modle: 1\n", "run-1")
    assert word.startswith("run run-1 has ended\n")
    assert "modle" in word


def test_outside_of_a_cluster_there_are_no_pods() -> None:
    assert pod_failures("run-1") == []
