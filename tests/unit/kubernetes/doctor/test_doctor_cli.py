"""`gmlm doctor` prints a line a check and ends with 22 where a run would fail; a submission is refused likewise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gmlm.cli import app
from gmlm.errors import ClusterError
from gmlm.kubernetes import cli as pipeline_cli
from gmlm.kubernetes.doctor import examine as examine_module
from gmlm.kubernetes.doctor import targets
from gmlm.kubernetes.doctor.finding import Finding, fail, ok, warn

STUDY = "name: small\nsources:\n  german: {reader: text, path: texts, language: de}\n"
WELL, DOUBTFUL, ILL = (
    ok("nodes", "all fit"),
    warn("image", "a tag", "pin it"),
    fail("claim data", "is missing", "make it"),
)

Prepared = Callable[..., list[Any]]


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> Prepared:
    """Let the checks find this, and return what they were asked."""

    def prepare(*findings: Finding) -> list[Any]:
        asked: list[Any] = []

        def examine(subject: Any) -> Iterator[Finding]:
            asked.append(subject)
            yield from findings

        monkeypatch.setattr(examine_module, "examine", examine)
        return asked

    return prepare


def test_all_is_well(prepared: Prepared, tmp_path: Path) -> None:
    asked = prepared(WELL, DOUBTFUL)
    result = CliRunner().invoke(app, ["doctor", str(tmp_path / "s.yaml"), "--profile", "p", "--store", "s3://b/x"])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "ok    nodes: all fit",
        "warn  image: a tag",
        "      What to do: pin it",
        "2 checks: 1 ok, 1 warn, 0 fail",
    ]
    (subject,) = asked
    assert (subject.study, subject.profile, subject.store) == (tmp_path / "s.yaml", "p", "s3://b/x")


def test_what_fails_gives_the_exit_code_of_a_cluster(prepared: Prepared) -> None:
    prepared(WELL, ILL)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == ClusterError.exit_code == 22
    assert "fail  claim data: is missing" in result.stdout


class Client:
    """Stands for the service."""

    def __init__(self) -> None:
        self.submitted: list[str] = []

    def submit(self, package: Path, arguments: Any, *, name: str, **settings: Any) -> str:
        self.submitted.append(name)
        return "r1"


@pytest.fixture
def submit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[Any, Client]]:
    """Submit a study whose pipeline is compiled already."""
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    (tmp_path / "compiled.yaml").write_text("x", encoding="utf-8")
    client = Client()
    monkeypatch.setattr(pipeline_cli, "_client", lambda *arguments: client)
    monkeypatch.setattr(targets, "cluster_of", lambda *arguments: None)

    def run(*options: str) -> tuple[Any, Client]:
        command = ["pipeline", "submit", str(tmp_path / "study.yaml"), "--store", "s3://b/x"]
        return CliRunner().invoke(app, [*command, "--package", str(tmp_path / "compiled.yaml"), *options]), client

    return run


def test_a_submission_shows_warnings_and_goes_on(prepared: Prepared, submit: Any) -> None:
    asked = prepared(WELL, DOUBTFUL)
    result, client = submit()
    assert result.exit_code == 0, result.output
    assert "warn  image: a tag" in result.output
    assert "nodes" not in result.output
    assert client.submitted == ["small study"]
    assert asked[0].profile is None, "a compiled pipeline holds its profile"


def test_a_submission_that_would_fail_is_refused(prepared: Prepared, submit: Any) -> None:
    prepared(WELL, ILL)
    result, client = submit()
    assert isinstance(result.exception, ClusterError)
    assert "claim data: is missing" in str(result.exception)
    assert client.submitted == []


def test_one_who_knows_better_submits_all_the_same(prepared: Prepared, submit: Any) -> None:
    asked = prepared(ILL)
    _, client = submit("--no-check")
    assert client.submitted == ["small study"]
    assert asked == []
