"""A cluster that is a dictionary of objects by path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from gmlm.kubernetes.doctor.api import Answer
from gmlm.kubernetes.profile import Profile


@dataclass
class FakeApi:
    """Stands for the Kubernetes API: what is not in `objects` is missing, what is in `hidden` is refused."""

    namespace: str = "team"
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    rights: dict[tuple[str, str, str, str | None], bool | None] = field(default_factory=dict)

    def get(self, path: str) -> Answer:
        if path in self.hidden:
            return Answer(403, {"message": "forbidden"})
        return Answer(200, self.objects[path]) if path in self.objects else Answer(404)

    def may(self, verb: str, resource: str, group: str = "", account: str | None = None) -> bool | None:
        return self.rights.get((verb, resource, group, account), True)


@pytest.fixture
def api() -> FakeApi:
    """A cluster with nothing in it."""
    return FakeApi()


@pytest.fixture
def profile() -> Callable[..., Profile]:
    """Make a profile from YAML: profile("user: 1")."""

    def make(text: str = "") -> Profile:
        return Profile.model_validate({"name": "p", "image": "gmlm@sha256:0", **(yaml.safe_load(text) or {})})

    return make


@pytest.fixture
def node() -> Callable[..., dict[str, Any]]:
    """Make a node: node(cpu="4", labels={...}, taints=[...])."""

    def make(
        cpu: str = "16",
        memory: str = "64Gi",
        labels: dict[str, str] | None = None,
        taints: list[dict[str, str]] | None = None,
        unschedulable: bool = False,
        **resources: str,
    ) -> dict[str, Any]:
        allocatable = {
            "cpu": cpu,
            "memory": memory,
            **{key.replace("__", "/"): value for key, value in resources.items()},
        }
        return {
            "metadata": {"name": "n", "labels": labels or {}},
            "spec": {"taints": taints or [], "unschedulable": unschedulable},
            "status": {"allocatable": allocatable},
        }

    return make
