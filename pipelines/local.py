"""Runs a pipeline on this machine by kfp.local, no cluster: each task in a process of its own, or in a container."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kfp import local

from gmlm.errors import ClusterError
from pipelines.compiling import build_pipeline

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile

PASSED_ON = "AWS_"
"""Beginning of the variables that containers get from this process: where the store is, and who asks."""
SHARED_MEMORY = "1g"
"""Size of a container's /dev/shm."""


def run_local(name: str, profile: "Profile", *, study: str, store: str, study_folder: str, runner: Any = None) -> bool:
    """Run a pipeline, in subprocesses unless another runner is given, and say whether all of it succeeded.

    kfp deletes its workspace after each run, hence it is given folders of its own.
    """
    with tempfile.TemporaryDirectory(prefix="gmlm-pipeline-") as folder:
        root, workspace = Path(folder) / "root", Path(folder) / "workspace"
        root.mkdir()
        workspace.mkdir()
        local.init(
            runner=runner or local.SubprocessRunner(use_venv=False),
            pipeline_root=str(root),
            workspace_root=str(workspace),
            raise_on_error=True,
        )
        try:
            build_pipeline(name, profile)(study=study, store=store, study_folder=study_folder)
        except (RuntimeError, ValueError):  # ValueError: a task wants the output of one that failed
            return False
        # kfp takes a container that is gone before it was asked for its exit code for a success; this file is written
        # by a task that returned.
        return any(root.rglob("check-study/executor_output.json"))


def docker_runner(study_folder: str, store: str, *, network: str | None = None) -> Any:
    """A runner of containers that see the study's folder, and the store where it is a folder, at their own paths.

    The root of a container is read-only; it runs as this process's user, so that what it writes is that user's.

    Raises:
        ClusterError: Docker's Python package or its daemon is missing.
    """
    _check_docker()
    from docker.types import Mount

    mounts = [Mount(target=study_folder, source=study_folder, type="bind", read_only=True)]
    if "://" not in store:
        Path(store).mkdir(parents=True, exist_ok=True)
        mounts.append(Mount(target=store, source=store, type="bind"))
    options = {"network": network} if network else {}
    return local.DockerRunner(
        mounts=mounts,
        user=f"{os.getuid()}:{os.getgid()}",
        read_only=True,
        entrypoint=["tini", "--"],  # kfp gives what it calls a command as arguments of the image's own
        tmpfs={"/tmp": "exec"},
        shm_size=SHARED_MEMORY,
        **options,
    )


def with_credentials(profile: "Profile") -> "Profile":
    """The profile with this process's settings of the store: Secrets and ConfigMaps are a cluster's."""
    found = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    return profile.model_copy(update={"environment": {**profile.environment, **found}})


def _check_docker() -> None:
    fix = "install and start Docker, and 'pip install docker'; or leave --runner out"
    try:
        import docker
    except ModuleNotFoundError:
        raise ClusterError("the Python package 'docker' is missing", where="--runner docker", fix=fix) from None
    try:
        docker.from_env().ping()
    except docker.errors.DockerException:
        raise ClusterError("the daemon does not answer", where="--runner docker", fix=fix) from None
