"""S3 as store, by boto3 alone: conditional writes, sha256 on both ways, parallel parts for large objects."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError, FlexibleChecksumError, HTTPClientError, IncompleteReadError

from gmlm.errors import ConfigError, StorageError
from gmlm.storage.base import StoredFile
from gmlm.storage.files import explained, publish, sha256_of, temporary_beside
from gmlm.storage.keys import check_key, check_prefix
from gmlm.storage.s3_errors import code_of, explained_s3
from gmlm.storage.s3_uploads import discard_abandoned
from gmlm.telemetry.metrics import observe_store_request

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 6
"""Attempts of a request where neither AWS_MAX_ATTEMPTS nor ~/.aws/config says otherwise: some 30 seconds."""
PART = 16 << 20
"""Bytes of one part; objects above it travel in parallel parts."""
WORKERS = 8
"""Parts under way at once."""
CONFLICT_ATTEMPTS = 8
"""Attempts of a conditional write while the store says that another one is under way."""
BODY_ATTEMPTS = 5
"""Attempts to receive a whole body: one that is cut off may come with status 200 and a length that fits it."""

_TRANSFER = TransferConfig(
    multipart_threshold=PART,
    multipart_chunksize=PART,
    max_concurrency=WORKERS,
    preferred_transfer_client="classic",  # the same code on every machine, whether or not awscrt is installed
)
_ADDRESS = re.compile(r"s3://([A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9])(?:/(.*))?")


class S3Store:
    """Store in a bucket, below a prefix. Threads may share it; processes may inherit or unpickle it.

    Credentials, endpoint and region come from boto3's default chain: the variables AWS_ENDPOINT_URL, AWS_REGION or
    AWS_DEFAULT_REGION, AWS_PROFILE, ..., ~/.aws, web identity, roles. Nothing is looked up before the first request.
    """

    def __init__(self, bucket: str, prefix: str = "") -> None:
        self._bucket = bucket
        self._prefix = f"{check_prefix(prefix)}/" if prefix else ""
        self._clients: dict[int, S3Client] = {}
        self._lock = threading.Lock()
        self._bucket_exists = self._swept = False

    def __reduce__(self) -> tuple[type[S3Store], tuple[str, str]]:
        return S3Store, (self._bucket, self._prefix)

    @classmethod
    def from_uri(cls, uri: str) -> S3Store:
        """Open `s3://bucket` or `s3://bucket/prefix`.

        Raises:
            ConfigError: The address has no valid bucket.
        """
        match = _ADDRESS.fullmatch(uri)
        if match is None:
            raise ConfigError("not an S3 address", where=uri, fix="use s3://bucket/prefix")
        return cls(match[1], match[2] or "")

    @property
    def uri(self) -> str:
        """`s3://bucket/prefix`."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def read(self, key: str) -> bytes:
        """The object's bytes, checked against the sha256 stored beside it; what fails the check is fetched again."""
        with self._explained(key):
            for attempt in range(BODY_ATTEMPTS - 1):
                # Neither a connection lost within the body nor a short one is botocore's to retry.
                with suppress(HTTPClientError, IncompleteReadError, FlexibleChecksumError):
                    data, sha256 = self._get(key)
                    if sha256 in (None, hashlib.sha256(data).hexdigest()):
                        return data
                _pause(attempt)
            data, sha256 = self._get(key)
        self._check(key, hashlib.sha256(data).hexdigest(), sha256)
        return data

    def write(self, key: str, data: bytes) -> StoredFile:
        """Write or replace the object."""
        digest = hashlib.sha256(data)
        metadata = {"sha256": digest.hexdigest()}
        with self._explained(key):
            self._client.put_object(
                **self._object(key), Body=data, ChecksumSHA256=_base64(digest.digest()), Metadata=metadata
            )
        return StoredFile(key, len(data), digest.hexdigest())

    def create(self, key: str, data: bytes) -> StoredFile:
        """Write the object only if the key is free (`If-None-Match: *`)."""
        digest, writer = hashlib.sha256(data), uuid.uuid4().hex
        metadata = {"sha256": digest.hexdigest(), "writer": writer}
        with self._explained(key):
            try:
                self._put_if_free(key, Body=data, ChecksumSHA256=_base64(digest.digest()), Metadata=metadata)
            except ClientError as error:
                # A first attempt may have arrived although its answer was lost: then the object is ours.
                if code_of(error) not in ("PreconditionFailed", "412") or self._writer(key) != writer:
                    raise
        return StoredFile(key, len(data), digest.hexdigest())

    def upload(self, path: Path, key: str) -> StoredFile:
        """Write the object from a local file; parts that were sent are discarded if one fails."""
        sha256 = sha256_of(path)
        extra = {"ChecksumAlgorithm": "SHA256", "Metadata": {"sha256": sha256}}
        with explained(str(path)), self._explained(key):
            size = path.stat().st_size
            self._sweep(size)
            self._client.upload_file(
                str(path), self._bucket, self._prefix + check_key(key), ExtraArgs=extra, Config=_TRANSFER
            )
        return StoredFile(key, size, sha256)

    def download(self, key: str, path: Path, *, sha256: str | None = None) -> None:
        """Write the object to a local file, checked against `sha256` or the one stored beside it."""
        with explained(str(path)), temporary_beside(path) as temporary:
            with self._explained(key):
                stored = self._fetch(key, temporary)
            self._check(key, sha256_of(temporary) if temporary.exists() else "", sha256 or stored)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            publish(temporary, path)

    def local_path(self, key: str) -> Path | None:
        """None: the objects are not on this machine."""
        return None

    def exists(self, key: str) -> bool:
        """Whether there is an object with this key."""
        with self._explained(key):
            try:
                self._client.head_object(**self._object(key))
            except ClientError as error:
                if code_of(error) not in ("404", "NoSuchKey"):
                    raise
                self._require_bucket()
                return False
            return True

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys under the prefix, sorted; page by page."""
        yield from self.versions(prefix)

    def versions(self, prefix: str = "") -> dict[str, str]:
        """Keys under the prefix, sorted, with their ETags; page by page."""
        folder = f"{check_prefix(prefix)}/" if prefix else ""
        with self._explained(folder):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + folder
            )
            found = {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", [])}
        return {key.removeprefix(self._prefix): found[key] for key in sorted(found) if not key.endswith("/")}

    def delete(self, key: str) -> None:
        """Remove the object."""
        with self._explained(key):
            self._client.delete_object(**self._object(key))

    @property
    def _client(self) -> S3Client:
        """The client of this process: connections must not be shared with a forked one."""
        with self._lock:
            client = self._clients.get(os.getpid())
            if client is None:
                client = self._clients[os.getpid()] = _connect()
            return client

    def _object(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + check_key(key)}

    def _explained(self, key: str) -> AbstractContextManager[None]:
        return explained_s3(f"{self.uri}/{key}", self._bucket)

    def _check(self, key: str, found: str, expected: str | None) -> None:
        if expected is not None and found != expected:
            where = f"{self.uri}/{key}"
            raise StorageError("its sha256 is not the one recorded", where=where, fix="restore the object")

    def _get(self, key: str) -> tuple[bytes, str | None]:
        """The bytes and the sha256 stored beside them."""
        answer = self._client.get_object(**self._object(key))
        return answer["Body"].read(), answer["Metadata"].get("sha256")

    def _fetch(self, key: str, path: Path) -> str | None:
        """Download to a file, again while it is not what is stored, and return the sha256 stored beside the object."""
        for attempt in range(BODY_ATTEMPTS):
            with suppress(FlexibleChecksumError):
                stored = self._client.head_object(**self._object(key))["Metadata"].get("sha256")
                self._client.download_file(
                    self._bucket, self._prefix + key, str(path), ExtraArgs=None, Config=_TRANSFER
                )
                if stored in (None, sha256_of(path)):
                    return stored
            _pause(attempt)
        return stored

    def _sweep(self, size: int) -> None:
        """Before the first upload in parts, discard those that killed processes have left under this prefix."""
        if size >= PART and not self._swept:
            self._swept = True
            discard_abandoned(self._client, self._bucket, self._prefix)

    def _put_if_free(self, key: str, **arguments: Any) -> None:
        for attempt in range(CONFLICT_ATTEMPTS):
            try:
                self._client.put_object(**self._object(key), IfNoneMatch="*", **arguments)
                return
            except ClientError as error:
                # S3 answers 409 while two conditional writes cross; asked again, it decides.
                if code_of(error) != "ConditionalRequestConflict" or attempt + 1 == CONFLICT_ATTEMPTS:
                    raise
            _pause(attempt)

    def _writer(self, key: str) -> str | None:
        return self._client.head_object(**self._object(key))["Metadata"].get("writer")

    def _require_bucket(self) -> None:
        """Tell a missing bucket from a missing object, once: the answer to HEAD has no body that would."""
        if not self._bucket_exists:
            self._client.head_bucket(Bucket=self._bucket)
            self._bucket_exists = True


def _pause(attempt: int) -> None:
    """Wait before another attempt: exponentially longer, and each worker a time of its own."""
    time.sleep(0.05 * 2**attempt * random.uniform(0.5, 1.5))


def _connect() -> S3Client:
    session = botocore.session.get_session()
    attempts = session.get_config_variable("max_attempts") or ATTEMPTS
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=4 * WORKERS,
    )
    region = os.environ.get("AWS_REGION")  # the other SDKs read it, botocore reads AWS_DEFAULT_REGION only
    client = boto3.session.Session(botocore_session=session, region_name=region or None).client("s3", config=config)
    client.meta.events.register("after-call.s3", _observe)
    return client


def _observe(parsed: dict[str, Any], model: OperationModel, **_: object) -> None:
    """Count an answered request and its retries."""
    observe_store_request(model.name, parsed.get("ResponseMetadata", {}).get("RetryAttempts", 0))


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
