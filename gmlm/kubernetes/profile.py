"""Profiles: how a pipeline's tasks are run on a cluster. YAML; users add theirs beside the ones that come along.

Retries, timeouts, labels and queue names are fixed when a pipeline is compiled, hence a pipeline is built per profile.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from gmlm.config.base import Frozen, Name
from gmlm.errors import ConfigError, InputNotFoundError
from gmlm.kubernetes.launcher.settings import MultiNode

TaskName = Literal[
    "plan_study",
    "select_nodes",
    "ingest",
    "translate",
    "build_corpus",
    "pretrain",
    "pretrain_trainjob",
    "finetune_cell",
    "evaluate",
    "report",
    "check_study",
    "notify_exit",
]
"""Components that a profile may set apart."""


class Toleration(Frozen):
    """A taint that the pods tolerate."""

    key: str | None = None
    """Key of the taint; none tolerates all."""
    operator: Literal["Equal", "Exists"] = "Exists"
    """Whether the value counts."""
    value: str | None = None
    """Value of the taint, with `Equal`."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; none tolerates all."""


class RetryConfig(Frozen):
    """How often a task is started again after its pod died or a store failed; it resumes then."""

    attempts: int = Field(3, ge=0)
    """Retries after the first attempt."""
    backoff: str = Field("30s", pattern=r"^\d+s$")
    """Wait before the first retry."""
    factor: float = Field(2.0, ge=1)
    """Each wait is longer than the one before by this factor."""
    longest: str = Field("600s", pattern=r"^\d+s$")
    """Longest wait."""


class TaskSettings(Frozen):
    """Settings of one kind of task."""

    cpu: str = "1"
    """CPU cores requested, such as `500m` or `8`."""
    cpu_limit: str | None = None
    """CPU cores allowed, so that a pod may use what a machine has left; none: those requested."""
    memory: str = "4Gi"
    """Memory requested and allowed."""
    accelerator: str | None = None
    """Resource name of the accelerator, such as `nvidia.com/gpu`."""
    accelerators: int = Field(0, ge=0)
    """Accelerators per pod."""
    shared_memory: str | None = None
    """Size of /dev/shm in memory; a container's own 64 MiB break data loaders. It counts towards `memory`."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels that a node must have."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints that are tolerated."""
    queue: str | None = None
    """Kueue's LocalQueue; its label is put on the pods of this kind of task only."""
    retry: RetryConfig = RetryConfig()
    """Retries."""
    timeout: int | None = Field(None, gt=0)
    """Seconds after which a pod is ended."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels of the pods, such as those that a Prometheus PodMonitor selects by."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations of the pods."""


class EnvFrom(Frozen):
    """Environment variables from keys of a Secret or ConfigMap."""

    name: str
    """Name of the Secret or ConfigMap in the run's namespace."""
    variables: dict[str, str] = Field(min_length=1)
    """Key in it, by environment variable."""
    optional: bool = False
    """Whether a pod starts without it."""


class VolumeMount(Frozen):
    """A PersistentVolumeClaim mounted into every pod, such as one that holds the study's inputs."""

    claim: str
    """Name of the claim."""
    path: str
    """Where it is mounted."""
    sub_path: str = ""
    """Folder of the volume that is mounted."""


class Profile(Frozen):
    """How the tasks of a pipeline are run."""

    name: Name
    """Name of the profile."""
    description: str = ""
    """What it is for."""
    image: str
    """Image of every task; name it by digest, as caches and retries would mix the contents of a moving tag."""
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When the node pulls the image."""
    image_pull_secrets: tuple[str, ...] = ()
    """Secrets for the image's registry."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Environment variables of every task."""
    secrets: tuple[EnvFrom, ...] = ()
    """Variables from Secrets, such as the store's credentials."""
    config_maps: tuple[EnvFrom, ...] = ()
    """Variables from ConfigMaps, such as the store's endpoint and region."""
    volumes: tuple[VolumeMount, ...] = ()
    """Claims mounted into every pod."""
    service_account: str | None = None
    """Service account of a run's pods, such as gmlm-pipeline of k8s/base; none leaves it to Kubeflow Pipelines."""
    user: int | None = None
    """User id of the pods; none leaves it to the image."""
    group: int | None = None
    """Group id of a pipeline's pods; none leaves it to the image."""
    non_root: bool = True
    """Whether the pods of a pipeline refuse to start as root, as the restricted Pod Security Standard asks; the rest of
    what it asks for is set by Kubeflow Pipelines 2.16 and newer."""
    parallelism: int = Field(8, gt=0)
    """Nodes of a study that run at once within a step."""
    rounds: int = Field(2, gt=0)
    """Models that start from models: how many generations one run can train. Another run goes on from there."""
    stages: tuple[str, ...] = ()
    """Stages that the study has, for a pipeline without the steps of other stages; none gives one for every study.
    `gmlm pipeline submit` fills it in."""
    exit_handler: bool = True
    """Whether `notify_exit` also runs when a run is cancelled. The backend 2.0.5 takes a run whose exit task succeeds
    for a success even if its other tasks failed; with `false` the task comes before the check, in line."""
    multi_node: MultiNode | None = None
    """Pre-training by several pods; `overrides.pretrain` then describes each of them, and
    `overrides.pretrain_trainjob` the task that launches and follows them."""
    tasks: TaskSettings = TaskSettings()
    """Settings of all tasks."""
    overrides: dict[TaskName, TaskSettings] = Field(default_factory=dict)
    """What differs for some; a field that is left out is taken from `tasks`."""

    def settings(self, task: TaskName) -> TaskSettings:
        """Settings of one kind of task."""
        override = self.overrides.get(task)
        given = {name: getattr(override, name) for name in override.model_fields_set} if override else {}
        return self.tasks.model_copy(update=given)


def profile_names() -> list[str]:
    """Names of the profiles that come along."""
    folder = files("gmlm.kubernetes") / "profiles"
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml"))


def load_profile(name_or_path: str, *, image: str | None = None) -> Profile:
    """Load a profile by name, or from a YAML file; `image` takes the place of its image.

    Raises:
        InputNotFoundError: There is no such profile or file.
        ConfigError: It is no YAML, or a key or value is wrong.
    """
    try:
        data = yaml.safe_load(_text(name_or_path))
        profile = Profile.model_validate(data)
    except yaml.YAMLError:
        raise ConfigError("not valid YAML", where=name_or_path, fix="check indentation and quotes") from None
    except ValidationError as error:
        details = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigError(details, where=name_or_path, fix="correct the fields named above") from None
    return profile if image is None else profile.model_copy(update={"image": image})


def _text(name_or_path: str) -> str:
    if name_or_path in profile_names():
        return (files("gmlm.kubernetes") / "profiles" / f"{name_or_path}.yaml").read_text(encoding="utf-8")
    path = Path(name_or_path)
    if not path.is_file():
        fix = f"name one of {', '.join(profile_names())}, or a YAML file"
        raise InputNotFoundError("no such profile", where=name_or_path, fix=fix)
    return path.read_text(encoding="utf-8")
