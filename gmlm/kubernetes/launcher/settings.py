"""What a profile says of pre-training by several pods."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gmlm.config.base import Frozen

Launcher = Literal["trainjob", "jobset", "job"]
"""Kubeflow Trainer's TrainJob, a JobSet, or an Indexed Job with a headless Service, which needs no CRD."""


class MultiNode(Frozen):
    """Pre-training by a group of equal pods. Their resources, queue and deadline are those of the task `pretrain`."""

    scratch_claim: str | None = None
    """A PersistentVolumeClaim that all pods mount (ReadWriteMany), for copies of inputs; without one each pod has a
    folder of its own. Checkpoints lie in the store either way."""
    launcher: Launcher = "trainjob"
    """What the group is to Kubernetes."""
    nodes: int = Field(2, ge=1)
    """Pods of the group."""
    processes_per_node: int = Field(1, ge=1)
    """Ranks per pod; one per accelerator."""
    runtime: str = "gmlm-torch"
    """Training runtime of a TrainJob (`k8s/components/trainer-runtime`); it holds what a TrainJob cannot say."""
    runtime_kind: Literal["TrainingRuntime", "ClusterTrainingRuntime"] = "TrainingRuntime"
    """Whether the runtime serves its namespace or all."""
    restarts: int = Field(3, ge=0)
    """How often the group is started again as a whole after a rank has died; preemption does not count.

    For a TrainJob the runtime says it."""
    grace_seconds: int = Field(120, ge=30)
    """Time for a last checkpoint between SIGTERM and SIGKILL."""
    service_account: str | None = None
    """Service account of the pods, for workload identity; they call no Kubernetes API."""
