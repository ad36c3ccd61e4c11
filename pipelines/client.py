"""Submits pipelines to a Kubeflow Pipelines service and asks how they are."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfp_server_api.exceptions import ApiException
from urllib3.exceptions import HTTPError

from gmlm.errors import AccessDeniedError, ClusterError, ConfigError, InputNotFoundError
from gmlm.kubernetes.doctor.service import UnfinishedRun
from pipelines.connection import HOST, Connection

ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
"""States in which a run stays."""
ENDING = "CANCELING"
"""State of a run that was cancelled."""
POLL_SECONDS = 2.0
PATIENCE = 120.0


@dataclass(frozen=True)
class RunStatus:
    """State of a run, its error if it has one, and the state of each of its tasks."""

    run_id: str
    state: str
    error: str
    tasks: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Schedule:
    """A run that is started again and again."""

    schedule_id: str
    name: str
    cron: str
    enabled: bool


class PipelinesClient:
    """A Kubeflow Pipelines service.

    Args:
        connection: Where it is and who asks; default: what environment, cluster or kube context say.

    Raises:
        ConfigError: There is nothing to connect to, or it is no such service.
        ClusterError: It does not answer.
        AccessDeniedError: It refuses.
    """

    def __init__(self, connection: Connection | None = None) -> None:
        chosen = connection or Connection()
        self._where, self._namespace = chosen.where, chosen.namespace
        with self._explained():
            self._client = chosen.open()

    def submit(
        self,
        package: Path,
        arguments: Mapping[str, str],
        *,
        name: str,
        experiment: str,
        service_account: str | None = None,
    ) -> str:
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
                service_account=service_account,
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
        """Wait until a run has ended, also while the service is away for less than PATIENCE seconds.

        Raises:
            ClusterError: It has not after this time; it goes on.
        """
        start = answered = time.monotonic()
        while True:
            try:
                found = self.status(run_id)
                answered = time.monotonic()
                if found.state in ENDED:
                    return found
            except ClusterError:
                if time.monotonic() > answered + PATIENCE:
                    raise
            if time.monotonic() > start + seconds:
                fix = "ask again with 'gmlm pipeline status'"
                raise ClusterError(f"not ended after {seconds:.0f} s", where=run_id, fix=fix)
            time.sleep(POLL_SECONDS)

    def unfinished_runs(self) -> list[UnfinishedRun]:
        """Those of the newest hundred runs that have not ended and are not being ended.

        A cancelled run starts no work any more, but stays in that state until Argo looks at it again: up to 20 minutes.
        """
        with self._explained():
            page = self._client.list_runs(page_size=100, sort_by="created_at desc", namespace=self._namespace)
        return [_unfinished(run) for run in page.runs or [] if str(run.state) not in (*ENDED, ENDING)]

    def cancel(self, run_id: str) -> None:
        """End a run; what its nodes have finished stays, and another run goes on from there."""
        with self._explained():
            self._client.terminate_run(run_id)

    def schedule(
        self,
        package: Path,
        arguments: Mapping[str, str],
        *,
        name: str,
        experiment: str,
        cron: str,
        service_account: str | None = None,
    ) -> str:
        """Start a run again and again, and return the schedule's id.

        Never two at once, as they would do the same work, and none to make up for missed ones: a run does all that is
        not finished.

        Args:
            package: Compiled pipeline.
            arguments: Its parameters.
            name: Name of the schedule.
            experiment: Experiment that the runs belong to.
            cron: Six fields, seconds first, such as `0 0 3 * * 0`.
            service_account: Service account of the runs' pods, unless the service's default.
        """
        with self._explained():
            found = self._client.create_experiment(experiment, namespace=self._namespace)
            made = self._client.create_recurring_run(
                found.experiment_id,
                name,
                cron_expression=cron,
                max_concurrency=1,
                no_catchup=True,
                params=dict(arguments),
                pipeline_package_path=str(package),
                enable_caching=False,
                service_account=service_account,
            )
        return str(made.recurring_run_id)

    def schedules(self) -> list[Schedule]:
        """All schedules of the namespace."""
        found, token = [], ""
        while True:
            with self._explained():
                page = self._client.list_recurring_runs(token, page_size=100, namespace=self._namespace)
            found += [_schedule(item) for item in page.recurring_runs or []]
            token = page.next_page_token
            if not token:
                return found

    def unschedule(self, schedule_id: str) -> None:
        """End a schedule; a run that is under way goes on.

        Raises:
            InputNotFoundError: There is no such schedule.
        """
        with self._explained():
            self._client.delete_recurring_run(schedule_id)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            with redirect_stdout(sys.stderr):  # kfp announces what it does; standard output is for the run's id
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
    if error.status == 400:
        return ConfigError(f"not accepted: {_words(error.body)}", where=where, fix="correct what it names")
    return ClusterError(f"refused ({error.status} {error.reason})", where=where, fix="read the log of the API server")


def _unfinished(run: Any) -> UnfinishedRun:
    parameters = (run.runtime_config and run.runtime_config.parameters) or {}
    return UnfinishedRun(str(run.run_id), run.display_name or "", str(parameters.get("store", "")))


def _schedule(item: Any) -> Schedule:
    cron = item.trigger.cron_schedule.cron if item.trigger and item.trigger.cron_schedule else ""
    return Schedule(str(item.recurring_run_id), item.display_name or "", cron, str(item.status) == "ENABLED")


def _words(body: Any) -> str:
    """The service's own explanation, in short."""
    try:
        found = json.loads(body or "")
    except (TypeError, ValueError):
        return "no reason given"
    words = found.get("error_message") or found.get("message") or found.get("error") if isinstance(found, dict) else ""
    return str(words or "no reason given").partition("\n")[0][:300]


def _time(value: Any) -> str:
    return value.isoformat() if value is not None else ""
