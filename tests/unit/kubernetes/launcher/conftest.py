"""Profiles and groups to render, and a cluster in memory that plays a script."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest

from gmlm.kubernetes.launcher.group import PodGroup, describe_group
from gmlm.kubernetes.launcher.settings import MultiNode
from gmlm.kubernetes.profile import EnvFrom, Profile, TaskSettings, Toleration, VolumeMount

OWNER = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "name": "study-x7k2p",
    "uid": "6f1c",
    "blockOwnerDeletion": False,
}


@pytest.fixture
def profile() -> Profile:
    """A profile that sets all that a group can have."""
    pretrain = TaskSettings(
        cpu="8",
        memory="64Gi",
        accelerator="nvidia.com/gpu",
        accelerators=4,
        shared_memory="16Gi",
        node_selector={"pool": "gpu"},
        tolerations=(Toleration(key="nvidia.com/gpu", effect="NoSchedule"),),
        queue="gmlm-gpu",
        timeout=3600,
        labels={"gmlm/metrics": "true"},
        annotations={"note": "x"},
    )
    return Profile(
        name="full",
        image="registry.example/gmlm@sha256:" + "a" * 64,
        image_pull_secrets=("registry",),
        environment={"OMP_NUM_THREADS": "8"},
        secrets=(EnvFrom(name="gmlm-store", variables={"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}),),
        config_maps=(EnvFrom(name="gmlm-store", variables={"AWS_ENDPOINT_URL": "endpoint"}, optional=True),),
        volumes=(VolumeMount(claim="inputs", path="/inputs", sub_path="en"),),
        user=10001,
        multi_node=MultiNode(nodes=2, processes_per_node=4, scratch_claim="gmlm-scratch", service_account="trainer"),
        overrides={"pretrain": pretrain},
    )


def with_multi_node(profile: Profile, **changes: Any) -> Profile:
    """The profile with other settings of groups."""
    assert profile.multi_node is not None
    return profile.model_copy(update={"multi_node": profile.multi_node.model_copy(update=changes)})


@pytest.fixture
def make_group(profile: Profile) -> Callable[..., PodGroup]:
    """Describe a group: make_group("jobset", restarts=1)."""

    def make(launcher: str = "trainjob", *, of: Profile | None = None, **changes: Any) -> PodGroup:
        return describe_group(
            with_multi_node(of or profile, launcher=launcher, **changes),
            store="s3://bucket/runs",
            plan="plans/paper/1.json",
            study="paper",
            node="pretrain/continued",
            fingerprint="f" * 64,
            study_folder="s3://bucket/inputs",
            run="run-1",
            owner=OWNER,
        )

    return make


@dataclass
class FakeCluster:
    """Objects in memory; `script` gives the status that a group shows each time it is asked for."""

    script: list[dict[str, Any]] = field(default_factory=list)
    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    its_pods: list[dict[str, Any]] = field(default_factory=list)
    log: str = ""
    made: int = 0

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """An object with the next status of the script."""
        found = self.objects.get((kind, name))
        if found is not None and kind != "Service" and self.script and self.made:
            found["status"] = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return deepcopy(found)

    def select(self, kind: str, selector: str) -> list[dict[str, Any]]:
        """Objects with all labels of a selector."""
        wanted = dict(part.partition("=")[::2] for part in selector.split(","))
        chosen = [found for (its_kind, _), found in self.objects.items() if its_kind == kind]
        return [
            found
            for found in chosen
            if all(key in found["metadata"]["labels"] for key in wanted)
            and all(found["metadata"]["labels"][key] == value for key, value in wanted.items() if value)
        ]

    def create(self, manifest: dict[str, Any]) -> bool:
        """Keep an object, unless there is one of its name."""
        key = (manifest["kind"], manifest["metadata"]["name"])
        self.calls.append(("create", *key))
        if key in self.objects:
            return False
        self.made += 1
        self.objects[key] = deepcopy(manifest)
        self.objects[key]["metadata"]["uid"] = f"uid-{self.made}"
        return True

    def patch(self, kind: str, name: str, change: dict[str, Any]) -> None:
        """Merge labels, and replace what else is given."""
        self.calls.append(("patch", kind, name))
        metadata = self.objects[kind, name]["metadata"]
        metadata["labels"] |= change["metadata"].pop("labels", {})
        metadata |= change["metadata"]

    def delete(self, kind: str, name: str, *, seconds: float | None) -> None:
        """Forget an object."""
        self.calls.append(("delete", kind, name))
        self.objects.pop((kind, name), None)

    def pods(self, selector: str) -> list[dict[str, Any]]:
        """The pods that a test has set."""
        return self.its_pods

    def tail(self, pod: str, lines: int) -> str:
        """The log that a test has set."""
        return self.log


@pytest.fixture
def cluster() -> FakeCluster:
    """A cluster without objects."""
    return FakeCluster()
