"""Submits pipelines to a Kubeflow Pipelines service and asks how they are."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kfp
from kfp_server_api.exceptions import ApiException
from urllib3.exceptions import HTTPError

from gmlm.errors import AccessDeniedError, ClusterError, ConfigError, InputNotFoundError
from pipelines.compiling import compile_pipelines

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile

HOST = "KF_PIPELINES_ENDPOINT"
"""Environment variable of the service's address, as for kfp's own commands."""
ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
"""States in which a run stays."""


@dataclass(frozen=True)
class RunStatus:
    """State of a run, its error if it has one, and the state of each of its tasks."""

    run_id: str
    state: str
    error: str
    tasks: tuple[tuple[str, str], ...]


class PipelinesClient:
    """A Kubeflow Pipelines service.

    Args:
        host: Address of the service; default: the environment variable KF_PIPELINES_ENDPOINT, else what kfp finds by
            the kube context or within the cluster.
        namespace: Namespace of the runs, where the service serves several.
        token: A bearer token.
    """

    def __init__(self, host: str | None = None, *, namespace: str | None = None, token: str | None = None) -> None:
        self._where = host or os.environ.get(HOST) or "the cluster of the kube context"
        self._namespace = namespace
        with self._explained():
            self._client = kfp.Client(host=host, namespace=namespace or "kubeflow", existing_token=token)

    def submit(self, package: Path, arguments: Mapping[str, str], *, name: str, experiment: str) -> str:
        """Start a run of a compiled pipeline, and return its id.

        Raises:
            ClusterError: The service does not answer, or does not take the pipeline.
            AccessDeniedError: It refuses.
        """
        with self._explained():
            run = self._client.create_run_from_pipeline_package(
                str(package),
                arguments=dict(arguments),
                run_name=name,
                experiment_name=experiment,
                namespace=self._namespace,
                enable_caching=False,
            )
        return str(run.run_id)

    def status(self, run_id: str) -> RunStatus:
        """How a run is.

        Raises:
            InputNotFoundError: There is no such run.
            ClusterError: The service does not answer.
        """
        with self._explained():
            run = self._client.get_run(run_id)
        details = getattr(run.run_details, "task_details", None) or []
        tasks = sorted(
            (_time(task.create_time), task.display_name or task.task_id, str(task.state)) for task in details
        )
        error = getattr(run.error, "message", None) or ""
        return RunStatus(run_id, str(run.state or "PENDING"), error, tuple((name, state) for _, name, state in tasks))

    def wait(self, run_id: str, seconds: float) -> RunStatus:
        """Wait until a run has ended.

        Raises:
            ClusterError: It has not after this time; it goes on.
        """
        with self._explained():
            try:
                self._client.wait_for_run_completion(run_id, timeout=seconds, sleep_duration=2)
            except TimeoutError:
                fix = "ask again with 'gmlm pipeline status'"
                raise ClusterError(f"not ended after {seconds:.0f} s", where=run_id, fix=fix) from None
        return self.status(run_id)

    def cancel(self, run_id: str) -> None:
        """End a run; what its nodes have finished stays, and another run goes on from there."""
        with self._explained():
            self._client.terminate_run(run_id)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except ApiException as error:
            raise _translated(error, self._where) from None
        except (HTTPError, OSError) as error:
            fix = f"check --host or {HOST}, and that the service is up"
            raise ClusterError(f"does not answer ({type(error).__name__})", where=self._where, fix=fix) from None
        except (ValueError, TypeError) as error:
            fix = f"give --host, or set {HOST}"
            raise ConfigError(f"not a service of Kubeflow Pipelines ({error})", where=self._where, fix=fix) from None


def _translated(error: Any, where: str) -> Exception:
    if error.status in (401, 403):
        return AccessDeniedError(f"access denied ({error.status})", where=where, fix="check token and service account")
    if error.status == 404:
        return InputNotFoundError("no such run or service", where=where, fix="check the run's id and --host")
    return ClusterError(f"refused ({error.status} {error.reason})", where=where, fix="read the log of the API server")


def _time(value: Any) -> str:
    return value.isoformat() if value is not None else ""


def compile_package(name: str, profile: "Profile", folder: Path) -> Path:
    """Compile one pipeline for one profile."""
    return next(compile_pipelines([name], [profile], folder))


@contextmanager
def package_for(name: str, profile: "Profile", package: Path | None) -> Iterator[Path]:
    """The package that is given, or a fresh one.

    Raises:
        InputNotFoundError: The one that is given does not exist.
    """
    if package is not None:
        if not package.is_file():
            raise InputNotFoundError("no such file", where=str(package), fix="run 'gmlm pipeline compile'")
        yield package
        return
    with tempfile.TemporaryDirectory(prefix="gmlm-compiled-") as folder:
        yield compile_package(name, profile, Path(folder))
