"""Puts the settings of a profile on a task."""

from typing import TYPE_CHECKING, Any

from kfp import kubernetes

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile, TaskName, TaskSettings

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
"""Label by which Kueue admits plain pods."""


def configure(task: Any, profile: "Profile", name: "TaskName") -> Any:
    """Put image, resources, scheduling, retries and environment of a profile on a task, and return it.

    Caching is off: kfp's cache knows the strings that a task is given, not the contents of the store. What is finished
    is recognised by its manifest instead, which also holds for a run that `gmlm run` began.
    """
    settings = profile.settings(name)
    task.set_caching_options(False)
    task.set_container_image(profile.image)
    _set_resources(task, settings)
    _set_attempts(task, settings)
    _set_scheduling(task, settings)
    _set_environment(task, profile)
    _set_pod(task, profile)
    return task


def _set_resources(task: Any, settings: "TaskSettings") -> None:
    task.set_cpu_request(settings.cpu).set_cpu_limit(settings.cpu_limit or settings.cpu)
    task.set_memory_request(settings.memory).set_memory_limit(settings.memory)
    if settings.accelerator is not None and settings.accelerators:
        task.set_accelerator_type(settings.accelerator).set_accelerator_limit(settings.accelerators)
    if settings.shared_memory is not None:
        kubernetes.empty_dir_mount(
            task, volume_name="shared-memory", mount_path="/dev/shm", medium="Memory", size_limit=settings.shared_memory
        )


def _set_attempts(task: Any, settings: "TaskSettings") -> None:
    retry = settings.retry
    if retry.attempts:
        task.set_retry(retry.attempts, retry.backoff, retry.factor, retry.longest)
    if settings.timeout is not None:
        kubernetes.set_timeout(task, settings.timeout)


def _set_scheduling(task: Any, settings: "TaskSettings") -> None:
    for key, value in settings.node_selector.items():
        kubernetes.add_node_selector(task, key, value)
    for toleration in settings.tolerations:
        kubernetes.add_toleration(task, **toleration.model_dump(exclude_none=True))
    queue = {QUEUE_LABEL: settings.queue} if settings.queue is not None else {}
    for key, value in {**settings.labels, **queue}.items():
        kubernetes.add_pod_label(task, key, value)
    for key, value in settings.annotations.items():
        kubernetes.add_pod_annotation(task, key, value)


def _set_environment(task: Any, profile: "Profile") -> None:
    for key, value in profile.environment.items():
        task.set_env_variable(key, value)
    for secret in profile.secrets:
        names = {key: variable for variable, key in secret.variables.items()}
        kubernetes.use_secret_as_env(task, secret.name, names, optional=secret.optional)
    for config_map in profile.config_maps:
        names = {key: variable for variable, key in config_map.variables.items()}
        kubernetes.use_config_map_as_env(task, config_map.name, names, optional=config_map.optional)


def _set_pod(task: Any, profile: "Profile") -> None:
    kubernetes.set_image_pull_policy(task, profile.image_pull_policy)
    if profile.image_pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(profile.image_pull_secrets))
    for volume in profile.volumes:
        kubernetes.mount_pvc(task, volume.claim, volume.path, sub_path=volume.sub_path)
    identity = {"run_as_user": profile.user, "run_as_group": profile.group, "run_as_non_root": profile.non_root or None}
    if given := {name: value for name, value in identity.items() if value is not None}:
        kubernetes.set_security_context(task, **given)
