"""Two pods pre-train as one process does, whatever they are to Kubernetes."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

LAUNCHERS = {"job": "Job", "trainjob": "TrainJob", "jobset": "JobSet"}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_the_api_server_takes_every_field(groups: Any, short: Any, launcher: str) -> None:
    """Unknown fields are refused, and warnings would name what Pod Security forbids."""
    for manifest in short.manifests(groups.using(launcher)):
        options = ["--dry-run=server", "--validate=strict", "-f", "-"]
        checked = groups.kubectl("apply", *options, text=yaml.safe_dump(manifest))
        assert checked.returncode == 0, checked.stderr
        assert "Warning" not in checked.stderr


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_pods_train_as_one_process(groups: Any, short: Any, one_process: list[float], launcher: str) -> None:
    profile = groups.using(launcher)
    assert short.run(profile).status == "done"
    difference = max(abs(ours - theirs) for ours, theirs in zip(short.curve(), one_process, strict=True))
    print(f"{launcher}: largest difference {difference:.2e}", file=sys.stderr)
    assert difference <= 1e-5
    name = short.manifests(profile)[0]["metadata"]["name"]
    assert groups.cluster.find(LAUNCHERS[launcher], name) is None, "what has done its work is removed"
