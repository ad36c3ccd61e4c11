"""What the service refuses or does not answer becomes one error of ours that says what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kfp_server_api.exceptions import ApiException
from urllib3.exceptions import MaxRetryError

from gmlm.errors import AccessDeniedError, ClusterError, ConfigError, InputNotFoundError
from pipelines import client as client_module
from pipelines.client import PipelinesClient, Schedule
from pipelines.connection import Connection


class Service:
    """Stands for kfp.Client."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self.answers: list[Any] = []
        self.asked: list[Any] = []

    def _answer(self, *arguments: Any, **named: Any) -> Any:
        self.asked.append((arguments, named))
        if self.errors:
            raise self.errors.pop(0)
        return self.answers.pop(0) if self.answers else None

    create_run_from_pipeline_package = get_run = terminate_run = _answer
    list_runs = _answer
    create_experiment = create_recurring_run = list_recurring_runs = delete_recurring_run = _answer


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    fresh = Service()
    monkeypatch.setattr(Connection, "open", lambda connection: fresh)
    monkeypatch.setattr(client_module, "POLL_SECONDS", 0)
    return fresh


def client() -> PipelinesClient:
    return PipelinesClient(Connection("http://kfp", namespace="team"))


def state(name: str) -> Any:
    return SimpleNamespace(state=name, error=None, run_details=None)


def task(name: str, state: str, second: int) -> Any:
    return SimpleNamespace(
        display_name=name,
        task_id=name,
        state=state,
        create_time=datetime(2026, 1, 1, tzinfo=UTC).replace(second=second),
    )


def test_a_run_is_started_without_kfps_cache(service: Service) -> None:
    service.answers = [SimpleNamespace(run_id="r1")]
    assert client().submit(Path("p.yaml"), {"store": "s3://b"}, name="n", experiment="e") == "r1"
    ((_, named),) = service.asked
    assert (named["enable_caching"], named["namespace"]) == (False, "team")
    assert named["arguments"] == {"store": "s3://b"}


def test_a_run_is_given_its_service_account(service: Service) -> None:
    service.answers = [SimpleNamespace(run_id="r1")]
    client().submit(Path("p.yaml"), {}, name="n", experiment="e", service_account="gmlm-pipeline")
    service.answers = [SimpleNamespace(experiment_id="x"), SimpleNamespace(recurring_run_id="s1")]
    client().schedule(Path("p.yaml"), {}, name="n", experiment="e", cron="0 0 3 * * 0", service_account="gmlm-pipeline")
    accounts = [named.get("service_account") for _, named in service.asked]
    assert accounts == ["gmlm-pipeline", None, "gmlm-pipeline"]


def test_a_status_has_the_tasks_in_their_order(service: Service) -> None:
    details = SimpleNamespace(task_details=[task("b", "RUNNING", 9), task("a", "SUCCEEDED", 1)])
    service.answers = [SimpleNamespace(state="RUNNING", error=None, run_details=details)]
    status = client().status("r1")
    assert status.tasks == (("a", "SUCCEEDED"), ("b", "RUNNING"))
    assert (status.state, status.error) == ("RUNNING", "")


@pytest.mark.parametrize(
    ("raised", "expected", "message"),
    [
        (ApiException(status=403, reason="Forbidden"), AccessDeniedError, "check token"),
        (ApiException(status=401, reason="Unauthorized"), AccessDeniedError, "check token"),
        (ApiException(status=404, reason="Not Found"), InputNotFoundError, "no such run"),
        (ApiException(status=500, reason="Internal"), ClusterError, "500"),
        (MaxRetryError(None, "http://kfp"), ClusterError, "does not answer"),  # type: ignore[arg-type]
        (ConnectionRefusedError(), ClusterError, "does not answer"),
        (ValueError("no host"), ConfigError, "KF_PIPELINES_ENDPOINT"),
    ],
)
def test_each_failure_of_the_service_is_explained(
    service: Service, raised: Exception, expected: type[Exception], message: str
) -> None:
    service.errors = [raised]
    with pytest.raises(expected, match=message):
        client().status("r1")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error": "bad cron"}', "not accepted: bad cron"),
        ('{"message": "bad\\nlong story"}', "not accepted: bad\n"),
        ("<html>", "not accepted: no reason given"),
        ("[]", "not accepted: no reason given"),
        (None, "not accepted: no reason given"),
    ],
)
def test_what_the_service_does_not_accept_is_said_in_its_words(service: Service, body: str | None, words: str) -> None:
    refused = ApiException(status=400, reason="Bad Request")
    refused.body = body
    service.errors = [refused]
    with pytest.raises(ConfigError) as caught:
        client().status("r1")
    assert words in str(caught.value)


def test_waiting_ends_with_the_run_and_outlasts_a_service_that_is_away(service: Service) -> None:
    service.answers = [state("PENDING"), state("RUNNING"), state("FAILED")]
    service.errors = [ConnectionRefusedError(), ApiException(status=503, reason="Unavailable")]
    assert client().wait("r1", 60).state == "FAILED"
    assert len(service.asked) == 5


def test_waiting_gives_up_on_a_service_that_stays_away(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PATIENCE", -1)
    service.errors = [ConnectionRefusedError()]
    with pytest.raises(ClusterError, match="does not answer"):
        client().wait("r1", 60)


def test_a_run_that_takes_too_long_is_said_to_go_on(service: Service) -> None:
    service.answers = [state("RUNNING")]
    with pytest.raises(ClusterError, match=r"not ended after -1 s[\s\S]*gmlm pipeline status"):
        client().wait("r1", -1)


def test_a_run_can_be_cancelled(service: Service) -> None:
    client().cancel("r1")
    assert service.asked == [(("r1",), {})]


def test_a_schedule_never_runs_twice_at_once_and_makes_nothing_up(service: Service) -> None:
    service.answers = [SimpleNamespace(experiment_id="e1"), SimpleNamespace(recurring_run_id="s1")]
    made = client().schedule(Path("p.yaml"), {"store": "s"}, name="n", experiment="e", cron="0 0 3 * * 0")
    assert made == "s1"
    (_, (arguments, named)) = service.asked
    assert arguments == ("e1", "n")
    assert (named["max_concurrency"], named["no_catchup"], named["enable_caching"]) == (1, True, False)
    assert (named["cron_expression"], named["params"]) == ("0 0 3 * * 0", {"store": "s"})


def recurring(number: int) -> Any:
    trigger = SimpleNamespace(cron_schedule=SimpleNamespace(cron="0 0 3 * * 0"))
    return SimpleNamespace(recurring_run_id=f"s{number}", display_name="n", trigger=trigger, status="ENABLED")


def test_schedules_are_listed_page_after_page(service: Service) -> None:
    service.answers = [
        SimpleNamespace(recurring_runs=[recurring(1)], next_page_token="more"),
        SimpleNamespace(recurring_runs=[recurring(2)], next_page_token=None),
    ]
    assert client().schedules() == [Schedule(f"s{number}", "n", "0 0 3 * * 0", True) for number in (1, 2)]
    assert [arguments for arguments, _ in service.asked] == [("",), ("more",)]


def test_a_namespace_without_schedules_has_none(service: Service) -> None:
    service.answers = [SimpleNamespace(recurring_runs=None, next_page_token=None)]
    assert client().schedules() == []


def test_a_schedule_can_be_ended(service: Service) -> None:
    client().unschedule("s1")
    assert service.asked == [(("s1",), {})]


def test_runs_that_ended_or_are_being_ended_are_in_nobodys_way(service: Service) -> None:
    states = ("RUNNING", "PENDING", "CANCELING", "CANCELED", "SUCCEEDED", "FAILED")
    runs = [
        SimpleNamespace(run_id=name, display_name="n", state=name, runtime_config=SimpleNamespace(parameters={}))
        for name in states
    ]
    service.answers = [SimpleNamespace(runs=runs)]
    assert [run.run_id for run in client().unfinished_runs()] == ["RUNNING", "PENDING"]
