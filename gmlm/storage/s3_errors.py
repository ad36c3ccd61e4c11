"""What can go wrong with an S3 store, in the project's own errors. Imported by `gmlm.storage.s3` only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error, RetriesExceededError, S3UploadFailedError
from botocore import exceptions as botocore

from gmlm.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    ConfigError,
    DiskFullError,
    GmlmError,
    InputNotFoundError,
    StorageError,
)
from gmlm.telemetry.metrics import observe_store_error

CHAIN = (
    "give credentials by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, by AWS_PROFILE and ~/.aws, by a web identity "
    "token (IRSA), or by the container's or instance's role: they are looked for in this order"
)
_DENIED = {"AccessDenied", "AllAccessDisabled", "AccountProblem", "403", "Forbidden", "UnauthorizedAccess"}
_WRONG_CREDENTIALS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "RequestTimeTooSkewed",
    "401",
}
_TAKEN = {"PreconditionFailed", "412"}
_FULL = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "507"}
_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"}
_NO_CREDENTIALS = (
    botocore.NoCredentialsError,
    botocore.PartialCredentialsError,
    botocore.CredentialRetrievalError,
    botocore.TokenRetrievalError,
    botocore.SSOError,
    botocore.ProfileNotFound,
    botocore.MetadataRetrievalError,
    botocore.RefreshWithMFAUnsupportedError,
)
_MISCONFIGURED = (
    botocore.ParamValidationError,
    botocore.ConfigParseError,
    botocore.InvalidRegionError,
    botocore.InvalidConfigError,
)

_ANSWERS = (InputNotFoundError, AlreadyExistsError)
"""What a store in good health says too: they are not counted as its failures."""


@contextmanager
def explained_s3(where: str, bucket: str) -> Iterator[None]:
    """Turn the errors of boto3 and botocore into the project's, naming the object or the bucket."""
    try:
        yield
    except (Boto3Error, botocore.BotoCoreError, botocore.ClientError, ValueError) as error:
        translated = _translated(error, where, bucket)
        if not isinstance(translated, _ANSWERS):
            observe_store_error(type(translated).__name__)
        raise translated from None


def code_of(error: botocore.ClientError) -> str:
    """The service's code, such as `NoSuchKey`; the HTTP status where an answer has no body."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _translated(error: Exception, where: str, bucket: str) -> GmlmError:
    if isinstance(error, S3UploadFailedError) and isinstance(error.__context__, botocore.ClientError):
        error = error.__context__
    if isinstance(error, botocore.ClientError):
        return _from_service(error, where, bucket)
    if isinstance(error, _NO_CREDENTIALS):
        return AccessDeniedError(f"no usable credentials ({type(error).__name__})", where=where, fix=CHAIN)
    if isinstance(error, botocore.FlexibleChecksumError):
        return StorageError("its checksum is not the one stored", where=where, fix="restore the object")
    if isinstance(error, botocore.HTTPClientError | botocore.ConnectionError | RetriesExceededError):
        fix = "check AWS_ENDPOINT_URL, AWS_REGION and the network, then run again: it resumes"
        return StorageError(f"the store does not answer ({type(error).__name__})", where=where, fix=fix)
    if isinstance(error, (*_MISCONFIGURED, ValueError)):
        fix = "check the address, AWS_ENDPOINT_URL, AWS_REGION and ~/.aws/config"
        return ConfigError(f"the S3 settings are not valid ({type(error).__name__})", where=where, fix=fix)
    return StorageError(f"the store failed ({type(error).__name__})", where=where, fix="run again: it resumes")


def _from_service(error: botocore.ClientError, where: str, bucket: str) -> GmlmError:
    code = code_of(error)
    if code == "NoSuchBucket" or (code == "404" and error.operation_name == "HeadBucket"):
        return InputNotFoundError("no such bucket", where=f"s3://{bucket}", fix="check its name, or create it")
    if code in ("NoSuchKey", "404"):
        return InputNotFoundError("no such object", where=where, fix="check the address")
    if code in _WRONG_CREDENTIALS:
        return AccessDeniedError(f"the store refuses the credentials ({code})", where=where, fix=CHAIN)
    if code in _DENIED:
        fix = "grant s3:GetObject, PutObject, DeleteObject, AbortMultipartUpload and ListBucket, or check the key"
        return AccessDeniedError(f"access denied ({code})", where=where, fix=fix)
    if code in _TAKEN:
        return AlreadyExistsError("exists already", where=where, fix="another writer was first")
    if code in _FULL:
        return DiskFullError(f"no space left in the store ({code})", where=where, fix="free space and run again")
    if code in _ELSEWHERE:
        return ConfigError(f"the bucket is in another region ({code})", where=where, fix="set AWS_REGION")
    operation = error.operation_name
    return StorageError(f"the store failed at {operation} ({code})", where=where, fix="run again: it resumes")
