"""Where an S3 store finds its server, region and credentials, and how its errors are explained."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest
from botocore import exceptions as botocore_exceptions
from botocore.exceptions import ClientError

from gmlm.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    ConfigError,
    DiskFullError,
    GmlmError,
    InputNotFoundError,
    StorageError,
)
from gmlm.storage import open_store
from gmlm.storage.s3_errors import explained_s3


def refusal(code: str, operation: str = "PutObject") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "x"}}, operation)


@pytest.mark.parametrize(
    ("uri", "canonical"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("s3://bucket/Ärzte und mehr", "s3://bucket/Ärzte und mehr"),
    ],
)
def test_an_address_is_brought_to_one_form(uri, canonical):
    assert open_store(uri).uri == canonical
    assert pickle.loads(pickle.dumps(open_store(uri))).uri == canonical  # noqa: S301


@pytest.mark.parametrize("uri", ["s3://", "s3:///key", "s3://a", "s3://under score/x", "gs://bucket"])
def test_an_address_without_a_bucket_is_refused(uri):
    with pytest.raises(ConfigError):
        open_store(uri)


@pytest.mark.parametrize("uri", ["s3://bucket/../other", "s3://bucket/a//b"])
def test_a_prefix_cannot_leave_its_bucket(uri):
    with pytest.raises(StorageError):
        open_store(uri)


def test_boto3_is_imported_by_s3_stores_only():
    code = "import sys, gmlm.storage; gmlm.storage.open_store('x'); sys.exit('boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_opening_sends_nothing(moto_uri, requests):
    open_store(moto_uri)
    assert requests.urls == []


@pytest.fixture
def clean_aws(monkeypatch, tmp_path):
    """No AWS setting at all, and no metadata service."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


@pytest.fixture
def credentials(clean_aws, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return clean_aws


def test_an_endpoint_from_the_environment_is_addressed_by_path(credentials, monkeypatch, requests):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://storage.example:9000")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    requests.before = lambda request: requests.answer(200)
    open_store("s3://bucket/p").write("k", b"x")
    assert requests.urls == ["http://storage.example:9000/bucket/p/k"]
    assert "/eu-central-1/s3/" in requests.headers[0]["Authorization"]


def test_endpoint_region_and_credentials_may_come_from_the_config_files(clean_aws, monkeypatch, requests):
    (clean_aws / "config").write_text("[profile lab]\nregion = eu-west-3\nendpoint_url = http://lab.example:1\n")
    (clean_aws / "credentials").write_text("[lab]\naws_access_key_id = from-file\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_PROFILE", "lab")
    requests.before = lambda request: requests.answer(200)
    open_store("s3://bucket").write("k", b"x")
    assert requests.urls == ["http://lab.example:1/bucket/k"]
    assert "Credential=from-file/" in requests.headers[0]["Authorization"]
    assert "/eu-west-3/s3/" in requests.headers[0]["Authorization"]


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_no_endpoint_means_aws_itself(credentials, monkeypatch, requests, variable):
    monkeypatch.setenv(variable, "eu-central-1")
    requests.before = lambda request: requests.answer(200)
    open_store("s3://bucket").write("k", b"x")
    assert requests.urls == ["https://bucket.s3.eu-central-1.amazonaws.com/k"]


def test_no_credentials_are_explained_by_the_chain(clean_aws, monkeypatch, requests):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(AccessDeniedError, match=r"no usable credentials(.|\n)*AWS_ACCESS_KEY_ID(.|\n)*AWS_PROFILE"):
        open_store("s3://bucket").read("k")
    monkeypatch.setenv("AWS_PROFILE", "missing")
    with pytest.raises(AccessDeniedError, match="ProfileNotFound"):
        open_store("s3://bucket").read("k")
    assert requests.urls == []


def test_a_server_that_does_not_answer_is_told_after_bounded_attempts(credentials, monkeypatch, requests):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    with pytest.raises(StorageError, match=r"s3://bucket/k: the store does not answer(.|\n)*AWS_ENDPOINT_URL"):
        open_store("s3://bucket").read("k")
    assert len(requests.urls) == 2


def test_an_endpoint_that_is_no_address_is_a_matter_of_configuration(credentials, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "storage.example:9000")
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL"):
        open_store("s3://bucket").read("k")


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (refusal("NoSuchBucket"), InputNotFoundError, "s3://b: no such bucket"),
        (refusal("404", "HeadBucket"), InputNotFoundError, "s3://b: no such bucket"),
        (refusal("NoSuchKey"), InputNotFoundError, "s3://b/k: no such object"),
        (refusal("404", "HeadObject"), InputNotFoundError, "s3://b/k: no such object"),
        (refusal("AccessDenied"), AccessDeniedError, "s3://b/k: access denied"),
        (refusal("403", "HeadObject"), AccessDeniedError, "s3:GetObject"),
        (refusal("InvalidAccessKeyId"), AccessDeniedError, "refuses the credentials"),
        (refusal("SignatureDoesNotMatch"), AccessDeniedError, "AWS_PROFILE"),
        (refusal("ExpiredToken"), AccessDeniedError, "ExpiredToken"),
        (refusal("PreconditionFailed"), AlreadyExistsError, "exists already"),
        (refusal("QuotaExceeded"), DiskFullError, "no space left"),
        (refusal("XMinioStorageFull"), DiskFullError, "no space left"),
        (refusal("PermanentRedirect"), ConfigError, "AWS_REGION"),
        (refusal("InternalError"), StorageError, r"PutObject \(InternalError\)"),
        (botocore_exceptions.NoCredentialsError(), AccessDeniedError, "web identity"),
        (botocore_exceptions.PartialCredentialsError(provider="env", cred_var="x"), AccessDeniedError, "credentials"),
        (botocore_exceptions.CredentialRetrievalError(provider="p", error_msg="x"), AccessDeniedError, "credentials"),
        (botocore_exceptions.EndpointConnectionError(endpoint_url="http://x"), StorageError, "does not answer"),
        (botocore_exceptions.ConnectTimeoutError(endpoint_url="http://x"), StorageError, "ConnectTimeoutError"),
        (botocore_exceptions.SSLError(endpoint_url="http://x", error="e"), StorageError, "SSLError"),
        (botocore_exceptions.FlexibleChecksumError(error_msg="x"), StorageError, "checksum"),
        (botocore_exceptions.ParamValidationError(report="x"), ConfigError, "settings"),
        (botocore_exceptions.UnknownSignatureVersionError(signature_version="x"), StorageError, "failed"),
    ],
)
def test_every_error_is_one_of_ours_with_what_to_do(error, kind, told):
    with pytest.raises(GmlmError, match=told) as caught, explained_s3("s3://b/k", "b"):
        raise error
    assert type(caught.value) is kind
    assert "What to do" in str(caught.value)


def test_no_secret_is_in_a_message(credentials, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StorageError) as caught:
        open_store("s3://bucket").write("k", b"canary text")
    assert "canary" not in str(caught.value)
