"""Failures of an S3 store are counted by class, its answers are not, and retries are as botocore tells them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from gmlm.errors import GmlmError
from gmlm.storage import s3
from gmlm.storage.s3_errors import explained_s3
from gmlm.telemetry.registry import registry


def errors(name: str) -> float:
    return registry().get_sample_value("gmlm_store_errors_total", {"error": name}) or 0


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "GetObject")


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (refusal("AccessDenied"), "AccessDeniedError"),
        (refusal("InternalError"), "StorageError"),
        (EndpointConnectionError(endpoint_url="http://s3"), "StorageError"),
        (refusal("QuotaExceeded"), "DiskFullError"),
    ],
)
def test_a_failure_is_counted_by_its_class(error, counted):
    with pytest.raises(GmlmError), explained_s3("s3://b/k", "b"):
        raise error
    assert errors(counted) == 1


@pytest.mark.parametrize("code", ["NoSuchKey", "PreconditionFailed"])
def test_an_answer_of_a_healthy_store_is_no_failure(code):
    with pytest.raises(GmlmError), explained_s3("s3://b/k", "b"):
        raise refusal(code)
    assert registry().get_sample_value("gmlm_store_errors_total", {"error": "InputNotFoundError"}) is None
    assert registry().get_sample_value("gmlm_store_errors_total", {"error": "AlreadyExistsError"}) is None


def test_retries_are_those_that_botocore_made():
    s3._observe({"ResponseMetadata": {"RetryAttempts": 2}}, SimpleNamespace(name="PutObject"), http_response=None)
    s3._observe({}, SimpleNamespace(name="PutObject"))
    labels = {"operation": "PutObject"}
    assert registry().get_sample_value("gmlm_store_requests_total", labels) == 2
    assert registry().get_sample_value("gmlm_store_retries_total", labels) == 2
