"""All checks together: each is made as far as it can be, and what fails stops a submission with all reasons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gmlm.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    ClusterError,
    ConfigError,
    InputNotFoundError,
    StorageError,
)
from gmlm.kubernetes.doctor import store as store_module
from gmlm.kubernetes.doctor.examine import Examination, examine, require_fit
from gmlm.kubernetes.doctor.finding import Verdict, fail, failed_by
from gmlm.kubernetes.doctor.service import UnfinishedRun, check_service
from gmlm.kubernetes.doctor.store import check_store
from gmlm.storage.local import LocalStore

STUDY = """
name: small
sources:
  german: {reader: text, path: texts, language: de}
"""
PROFILE = "{name: own, image: 'gmlm@sha256:0', tasks: {cpu: '1', memory: 1Gi}, volumes: [{claim: data, path: /data}]}"
ACCOUNT = "/api/v1/namespaces/team/serviceaccounts/pipeline-runner"


@dataclass
class Service:
    """Stands for Kubeflow Pipelines."""

    runs: list[UnfinishedRun] = field(default_factory=list)

    def unfinished_runs(self) -> list[UnfinishedRun]:
        return self.runs


@pytest.fixture
def healthy(api: Any, node: Any) -> Any:
    """A cluster in which nothing is missing."""
    api.objects |= {
        "/api/v1/namespaces/team/services/ml-pipeline": {},
        "/api/v1/namespaces/team/persistentvolumeclaims/data": {"spec": {"accessModes": ["ReadWriteMany"]}},
        "/api/v1/nodes": {"items": [node()]},
        ACCOUNT: {},
    }
    return api


@pytest.fixture
def subject(tmp_path: Path, healthy: Any) -> Callable[..., Examination]:
    """An examination in which all is well, but for what is given."""
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    (tmp_path / "own.yaml").write_text(PROFILE, encoding="utf-8")

    def make(**given: Any) -> Examination:
        well: dict[str, Any] = {
            "connect": Service,
            "connect_api": lambda: healthy,
            "study": tmp_path / "study.yaml",
            "profile": str(tmp_path / "own.yaml"),
            "store": "/data/store",
        }
        return Examination(**{**well, **given})

    return make


def raising(error: Exception) -> Callable[[], Any]:
    def connect() -> Any:
        raise error

    return connect


def found(subject: Examination) -> dict[str, str]:
    return {finding.subject: str(finding.verdict) for finding in examine(subject)}


def test_where_all_is_well_every_line_says_so(subject: Any) -> None:
    verdicts = found(subject())
    assert set(verdicts.values()) == {"ok"}
    assert {"study", "profile", "pipelines", "image", "claim data", "nodes", "store"} <= set(verdicts)
    assert list(require_fit(subject())) == []


def test_a_wrong_study_does_not_hide_the_rest(subject: Any, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("nam: x", encoding="utf-8")
    verdicts = found(subject())
    assert verdicts["study"] == "fail"
    assert verdicts["nodes"] == verdicts["store"] == "ok"


def test_an_unknown_profile_fails_and_names_the_known_ones(subject: Any) -> None:
    findings = {finding.subject: finding for finding in examine(subject(profile="huge"))}
    assert findings["profile"].verdict is Verdict.FAIL
    assert "single-gpu" in findings["profile"].fix
    assert "nodes" not in findings


def test_a_service_that_does_not_answer_fails(subject: Any) -> None:
    verdicts = found(subject(connect=raising(ClusterError("does not answer", where="http://kfp"))))
    assert verdicts["pipelines"] == "fail"
    assert verdicts["nodes"] == "ok"


def test_a_wrong_token_fails(subject: Any) -> None:
    error = AccessDeniedError("access denied (401)", where="http://kfp", fix="check token and service account")
    (finding,) = [it for it in examine(subject(connect=raising(error))) if it.subject == "pipelines"]
    assert str(finding) == (
        "fail  pipelines: http://kfp: access denied (401)\n      What to do: check token and service account"
    )


def test_without_a_kube_context_the_rest_is_a_warning(subject: Any) -> None:
    verdicts = found(subject(connect_api=raising(ConfigError("no cluster is configured", fix="set KUBECONFIG"))))
    assert verdicts["cluster"] == "warn"
    assert "nodes" not in verdicts
    assert verdicts["store"] == "ok"


def test_a_context_of_another_cluster_is_not_held_against_the_run(subject: Any, healthy: Any) -> None:
    del healthy.objects["/api/v1/namespaces/team/services/ml-pipeline"]
    del healthy.objects["/api/v1/namespaces/team/persistentvolumeclaims/data"]
    verdicts = found(subject())
    assert verdicts["cluster"] == "warn"
    assert "fail" not in verdicts.values()


def test_pipelines_may_live_in_a_namespace_of_their_own(subject: Any, healthy: Any) -> None:
    del healthy.objects["/api/v1/namespaces/team/services/ml-pipeline"]
    healthy.objects["/api/v1/namespaces/kubeflow/services/ml-pipeline"] = {}
    assert found(subject())["claim data"] == "ok"


def test_a_compiled_pipeline_is_examined_without_a_profile(subject: Any) -> None:
    verdicts = found(subject(profile=None, store="s3://b/x"))
    assert "nodes" not in verdicts
    assert verdicts["pipelines"] == "ok"


def test_a_submission_is_refused_with_every_reason(subject: Any, healthy: Any) -> None:
    del healthy.objects["/api/v1/namespaces/team/persistentvolumeclaims/data"]
    with pytest.raises(ClusterError) as error:
        list(require_fit(subject(store="/elsewhere")))
    assert "2 of 10 checks fail" in str(error.value)
    assert "claim data: is missing in team" in str(error.value)
    assert "lost with it" in str(error.value)
    assert error.value.exit_code == 22


def test_warnings_let_a_submission_through(subject: Any, healthy: Any) -> None:
    healthy.hidden.add("/api/v1/nodes")
    assert [finding.subject for finding in require_fit(subject())] == ["nodes"]


RUN = UnfinishedRun("r1", "small study", "s3://b/x")


@pytest.mark.parametrize(
    ("study", "store", "verdict"),
    [
        ("small", "s3://b/x", "fail"),
        ("small", None, "fail"),
        ("small", "s3://b/other", "ok"),
        ("smaller", "s3://b/x", "ok"),
        ("sma", "s3://b/x", "ok"),
    ],
)
def test_one_run_at_a_time_works_on_a_study_in_a_store(study: str, store: str | None, verdict: str) -> None:
    service, finding = check_service(lambda: Service([RUN]), study, store)
    assert service.what == "answers, and lets you see runs; 1 not ended"
    assert str(finding.verdict) == verdict
    assert ("gmlm pipeline cancel r1" in finding.fix) == (verdict == "fail")


def test_without_a_study_only_the_service_is_checked() -> None:
    assert [finding.subject for finding in check_service(lambda: Service([RUN]), None, None)] == ["pipelines"]


class Store(LocalStore):
    """A folder that stands for a bucket; what is in `errors` is raised."""

    errors: dict[str, Exception]

    def exists(self, key: str) -> bool:
        self._raise("exists")
        return super().exists(key)

    def create(self, key: str, data: bytes) -> Any:
        self._raise("create")
        return super().create(key, data)

    def _raise(self, method: str) -> None:
        if method in self.errors:
            raise self.errors[method]


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store(tmp_path / "bucket")
    store.errors = {}
    monkeypatch.setattr(store_module, "open_store", lambda uri: store)
    return store


def test_a_bucket_with_conditional_writes_is_fine_and_left_empty(bucket: Store) -> None:
    assert check_store("s3://b/x", None).verdict is Verdict.OK
    assert list(bucket.list()) == []


@pytest.mark.parametrize("error", [AccessDeniedError("no credentials"), StorageError("does not answer")])
def test_a_bucket_out_of_reach_is_a_warning(bucket: Store, error: Exception) -> None:
    bucket.errors["exists"] = error
    assert check_store("s3://b/x", None).verdict is Verdict.WARN


def test_a_missing_bucket_fails(bucket: Store) -> None:
    bucket.errors["exists"] = InputNotFoundError("no such bucket")
    assert check_store("s3://b/x", None).verdict is Verdict.FAIL


def test_a_store_that_ignores_conditions_fails(bucket: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "create", bucket.write)
    finding = check_store("s3://b/x", None)
    assert finding.verdict is Verdict.FAIL
    assert "If-None-Match" in finding.fix


def test_a_bucket_that_may_not_be_written_fails(bucket: Store) -> None:
    bucket.errors["create"] = AccessDeniedError("access denied")
    assert check_store("s3://b/x", None).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("folder", "verdict"), [("/data", "ok"), ("/data/a/b", "ok"), ("/database", "fail"), ("runs", "fail")]
)
def test_a_folder_must_lie_in_a_volume(profile: Any, folder: str, verdict: str) -> None:
    assert str(check_store(folder, profile("volumes: [{claim: data, path: /data}]")).verdict) == verdict


def test_an_error_of_ours_keeps_its_place_and_its_cure() -> None:
    error = AlreadyExistsError("exists", where="key", fix="delete it")
    assert failed_by("store", error) == fail("store", "key: exists", "delete it")
