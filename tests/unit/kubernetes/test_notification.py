"""The word on a run holds failed nodes and dead pods, and never fails itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gmlm.errors import LabelError
from gmlm.kubernetes.node import run_planned_node
from gmlm.kubernetes.notification import notify_exit
from gmlm.kubernetes.pods import describe_pod, pod_failures


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


def container(**state: Any) -> dict[str, Any]:
    return {"metadata": {"name": "pod"}, "status": {"container_statuses": [{"name": "main", **state}]}}


def test_a_pod_that_was_killed_for_memory_says_so() -> None:
    pod = container(state={"terminated": {"reason": "OOMKilled", "exit_code": 137}})
    assert list(describe_pod(pod)) == ["pod: main: OOMKilled, exit code 137"]


def test_an_image_that_cannot_be_pulled_is_named() -> None:
    assert list(describe_pod(container(state={"waiting": {"reason": "ImagePullBackOff"}}))) == [
        "pod: main: ImagePullBackOff"
    ]


def test_an_evicted_pod_is_named() -> None:
    assert list(describe_pod({"metadata": {"name": "pod"}, "status": {"reason": "Evicted"}})) == ["pod: Evicted"]


def test_a_container_that_ended_well_or_is_starting_is_no_news() -> None:
    assert list(describe_pod(container(state={"terminated": {"reason": "Completed", "exit_code": 0}}))) == []
    assert list(describe_pod(container(state={"waiting": {"reason": "ContainerCreating"}}))) == []
