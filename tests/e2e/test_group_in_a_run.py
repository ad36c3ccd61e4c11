"""A whole study in which several pods pre-train as one: the group belongs to the run, and trains as one process does.

Needs what test_cluster.py needs; the launcher `trainjob` also Kubeflow Trainer, and the runtime of
`k8s/components/trainer-runtime` in the runs' namespace. Checkpoints lie in the store, so no volume is shared.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from gmlm.storage import Store

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600)]

USER = 65532
"""User id of the pods: a group never runs as root, whatever the image says."""


def group(launcher: str) -> dict[str, Any]:
    """What a profile says of two pods that pre-train together."""
    return {"multi_node": {"launcher": launcher, "nodes": 2}, "user": USER}


def losses(store: Store) -> list[float]:
    """Losses of all steps of the encoder, and the last one on held-out text."""
    (key,) = [key for key in store.list("pretrain/base") if key.endswith("/training.json")]
    phase = json.loads(store.read(key))["phases"][0]
    return [point["loss"] for point in phase["curve"]] + [phase["holdout"][-1]["loss"]]


@pytest.mark.parametrize("launcher", ["trainjob", "job"])
def test_a_study_whose_encoder_two_pods_train(cluster: Any, direct: Store, launcher: str) -> None:
    run_id, state = cluster.run(f"group-{launcher}", **group(launcher))
    assert state == "SUCCEEDED"
    assert "pretrain-trainjob" in {pod.task for pod in cluster.pods.tasks(run_id)}
    store = cluster.opened(f"group-{launcher}")
    pairs = zip(losses(store), losses(direct), strict=True)
    difference = max(abs(ours - theirs) for ours, theirs in pairs)
    print(f"{launcher}: largest difference {difference:.2e}", file=sys.stderr)
    assert difference <= 1e-5
    (scores,) = [json.loads(store.read(key)) for key in store.list("evaluate") if key.endswith("scores.json")]
    assert scores["missing"] == []
    assert cluster.train_jobs(run_id) == []


def test_a_run_that_is_cancelled_takes_its_group_along(cluster: Any) -> None:
    run_id = cluster.submit("group-cancelled", **group("trainjob"))
    (name, *_) = cluster.until(1800, lambda: cluster.train_jobs(run_id))
    cluster.gmlm("pipeline", "cancel", run_id)
    cluster.until(120, lambda: not cluster.active_pods(run_id))
    cluster.gmlm("kubernetes", "reap", "--namespace", cluster.namespace)
    cluster.until(120, lambda: name not in cluster.train_jobs(run_id))
