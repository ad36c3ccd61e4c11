"""A study run in real pods gives the bytes of `gmlm run`, survives the loss of pods, and is resumed without new work.

Any cluster will do that has Kubeflow Pipelines and an S3 store; see docs/developers/cluster-tests.md. The tests of a
module share runs, as a run takes minutes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from gmlm.storage import Store

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600)]

TRANSLATION = {"translate", "translate-shard", "merge-translation"}
KINDS = {"ingest", "corpus", "pretrain", "finetune-cell", "evaluate", "report"} | TRANSLATION
"""Kinds of task whose pods are killed."""
SUBMISSIONS = 9
"""A backend that does not retry tasks needs one more submission for each pod that was killed."""


def contents(store: Store) -> dict[str, bytes]:
    """All that a study has written but what only pipelines need: the plan, and statuses of nodes."""
    return {key: store.read(key) for key in store.list() if not key.startswith((".scratch", "plans/", "status/"))}


def manifests(store: Store) -> list[str]:
    """Finished nodes, by the key of their manifest."""
    return sorted(key for key in store.list() if key.endswith("/manifest.json"))


@pytest.fixture(scope="module")
def first_run(cluster: Any) -> tuple[str, str]:
    """The study run in pods, once: id and state."""
    return cluster.run("whole")


def test_pods_write_the_bytes_that_one_machine_writes(cluster: Any, first_run: Any, direct: Store) -> None:
    assert first_run[1] == "SUCCEEDED"
    found, expected = contents(cluster.opened("whole")), contents(direct)
    print(f"{len(found)} files compared")
    assert sorted(found) == sorted(expected)
    assert [key for key in expected if found[key] != expected[key]] == []


def test_the_scores_are_those_of_one_machine(cluster: Any, first_run: Any, direct: Store) -> None:
    (key,) = [key for key in direct.list("evaluate") if key.endswith("scores.json")]
    scores = json.loads(cluster.opened("whole").read(key))
    assert scores == json.loads(direct.read(key))
    assert scores["missing"] == []


def test_every_nodes_log_can_be_read(cluster: Any, first_run: Any) -> None:
    nodes = cluster.worked_on(first_run[0])
    assert {node.partition("/")[0] for node in nodes} >= {"ingest", "translator", "translate", "pretrain", "finetune"}
    text = cluster.gmlm("pipeline", "logs", first_run[0], "pretrain/base")
    assert text.startswith("== pretrain pretrain/base (")
    assert len([line for line in text.splitlines() if line.startswith("== ")]) == 1


def test_submitted_again_it_does_no_work_again(cluster: Any, first_run: Any) -> None:
    before = contents(cluster.opened("whole"))
    run_id, state = cluster.run("whole")
    assert state == "SUCCEEDED"
    assert contents(cluster.opened("whole")) == before
    assert cluster.worked_on(run_id) == []


def test_killed_pods_of_every_kind_of_stage_leave_the_same_bytes(
    cluster: Any, killing: Callable[..., AbstractContextManager[Any]], request: pytest.FixtureRequest
) -> None:
    killed: dict[str, str] = {}
    submissions, state = 0, ""
    while state != "SUCCEEDED" and submissions < SUBMISSIONS:
        submissions += 1
        run_id = cluster.submit("killed")
        with killing(cluster, run_id, KINDS - set(killed)) as killer:
            state = cluster.wait(run_id)
        killed |= killer.killed
    print(f"{len(killed)} pods killed, {submissions} submissions: {killed}")
    assert state == "SUCCEEDED"
    assert set(killed) == KINDS
    assert contents(cluster.opened("killed")) == contents(request.getfixturevalue("direct"))


def test_a_cancelled_run_leaves_nothing_running_and_is_resumed(cluster: Any, request: pytest.FixtureRequest) -> None:
    run_id = cluster.submit("cancelled")
    cluster.until(1800, lambda: [pod for pod in cluster.pods.tasks(run_id) if pod.task == "pretrain"])
    cluster.gmlm("pipeline", "cancel", run_id)
    cluster.until(120, lambda: not cluster.active_pods(run_id))
    assert cluster.train_jobs(run_id) == []
    store = cluster.opened("cancelled")
    finished = manifests(store)
    assert finished
    assert not [key for key in finished if key.startswith("finetune/")]
    again, state = cluster.run("cancelled")
    assert state == "SUCCEEDED"
    done_twice = [node for node in cluster.worked_on(again) if any(key.startswith(f"{node}/") for key in finished)]
    assert done_twice == []
    assert contents(store) == contents(request.getfixturevalue("direct"))
