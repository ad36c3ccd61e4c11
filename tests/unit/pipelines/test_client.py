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
from gmlm.kubernetes.profile import load_profile
from pipelines import client as client_module
from pipelines.client import PipelinesClient, package_for


class Service:
    """Stands for kfp.Client."""

    error: Exception | None = None
    run: Any = None
    asked: list[Any]

    def __init__(self, **settings: Any) -> None:
        type(self).asked = [settings]

    def _answer(self, *arguments: Any, **named: Any) -> Any:
        self.asked.append((arguments, named))
        if self.error is not None:
            raise self.error
        return self.run

    create_run_from_pipeline_package = get_run = wait_for_run_completion = terminate_run = _answer


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> type[Service]:
    fresh = type("Fresh", (Service,), {})
    monkeypatch.setattr(client_module.kfp, "Client", fresh)
    return fresh


def task(name: str, state: str, second: int) -> Any:
    return SimpleNamespace(
        display_name=name,
        task_id=name,
        state=state,
        create_time=datetime(2026, 1, 1, tzinfo=UTC).replace(second=second),
    )


def test_a_run_is_started_without_kfps_cache(service: type[Service]) -> None:
    service.run = SimpleNamespace(run_id="r1")
    client = PipelinesClient("http://kfp", namespace="team", token="t")
    assert client.submit(Path("p.yaml"), {"store": "s3://b"}, name="n", experiment="e") == "r1"
    settings, (_, named) = service.asked
    assert settings == {"host": "http://kfp", "namespace": "team", "existing_token": "t"}
    assert named["enable_caching"] is False
    assert named["arguments"] == {"store": "s3://b"}


def test_a_status_has_the_tasks_in_their_order(service: type[Service]) -> None:
    details = SimpleNamespace(task_details=[task("b", "RUNNING", 9), task("a", "SUCCEEDED", 1)])
    service.run = SimpleNamespace(state="RUNNING", error=None, run_details=details)
    status = PipelinesClient("http://kfp").status("r1")
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
    service: type[Service], raised: Exception, expected: type[Exception], message: str
) -> None:
    client = PipelinesClient("http://kfp")
    service.error = raised
    with pytest.raises(expected, match=message):
        client.status("r1")


def test_a_run_that_takes_too_long_is_said_to_go_on(service: type[Service]) -> None:
    client = PipelinesClient("http://kfp")
    service.error = TimeoutError()
    with pytest.raises(ClusterError, match=r"not ended after 5 s[\s\S]*gmlm pipeline status"):
        client.wait("r1", 5)


def test_a_run_can_be_cancelled(service: type[Service]) -> None:
    PipelinesClient("http://kfp").cancel("r1")
    assert service.asked[-1] == (("r1",), {})


def test_a_package_that_is_given_is_taken_and_a_missing_one_is_named(tmp_path: Path) -> None:
    given = tmp_path / "given.yaml"
    given.write_text("x")
    profile = load_profile("smoke-cpu")
    with package_for("study", profile, given) as package:
        assert package == given
    with pytest.raises(InputNotFoundError, match=r"none\.yaml"), package_for("study", profile, tmp_path / "none.yaml"):
        pass


def test_without_a_package_one_is_compiled_and_removed_afterwards() -> None:
    with package_for("evaluate_models", load_profile("smoke-cpu"), None) as package:
        assert package.stat().st_size > 1000
    assert not package.exists()
