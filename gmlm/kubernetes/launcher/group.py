"""A group of pods that runs one node of a study: what is to be rendered, whatever renders it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gmlm.errors import ConfigError
from gmlm.kubernetes.launcher.names import JOB_LABEL, MANAGED_BY, NODE_ANNOTATION, RUN_LABEL, group_name, label_value
from gmlm.kubernetes.launcher.settings import MultiNode
from gmlm.kubernetes.profile import Profile, TaskSettings

LONGEST_SECONDS = 7 * 24 * 3600
"""Deadline of a group whose profile names none: nothing waits for ever."""


@dataclass(frozen=True)
class PodGroup:
    """Equal pods that train together.

    Attributes:
        name: Name of all objects of the group.
        command: What each pod runs.
        profile: How pods are run; it has `multi_node`.
        labels: Labels of objects and pods.
        annotations: Annotations of objects and pods.
        owner: Reference to the object with which Kubernetes removes the group, if there is one.
    """

    name: str
    command: tuple[str, ...]
    profile: Profile
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    owner: Mapping[str, Any] | None = None

    @property
    def multi_node(self) -> MultiNode:
        """The profile's settings of groups.

        Raises:
            ConfigError: It has none.
        """
        if self.profile.multi_node is None:
            fix = "add 'multi_node', or choose the profile multi-node"
            raise ConfigError("the profile has no multi_node", where=self.profile.name, fix=fix)
        return self.profile.multi_node

    @property
    def settings(self) -> TaskSettings:
        """Settings of one pod."""
        return self.profile.settings("pretrain")

    @property
    def deadline(self) -> int:
        """Seconds after which the group is ended."""
        return self.settings.timeout or LONGEST_SECONDS


def describe_group(
    profile: Profile,
    *,
    store: str,
    plan: str,
    study: str,
    node: str,
    fingerprint: str,
    study_folder: str = "",
    run: str = "",
    owner: Mapping[str, Any] | None = None,
) -> PodGroup:
    """The group that runs one node of a plan.

    Args:
        profile: How its pods are run.
        store: The store, as pods see it.
        plan: Key of the plan.
        study: Name of the study.
        node: Id of the node.
        fingerprint: The node's fingerprint.
        study_folder: As for `plan_study`.
        run: Id of the pipeline run.
        owner: As in `PodGroup`.
    """
    name = group_name(store, study, node, fingerprint)
    labels = {**MANAGED_BY, JOB_LABEL: name, "gmlm/study": label_value(study)}
    command = ("python3", "-m", "gmlm.kubernetes.launcher.pod_entry", store, plan, node, study_folder)
    return PodGroup(
        name=name,
        command=command,
        profile=profile,
        labels=labels | ({RUN_LABEL: label_value(run)} if run else {}),
        annotations={NODE_ANNOTATION: node, "gmlm/fingerprint": fingerprint},
        owner=owner,
    )
