"""Uploads in parts that a killed process has left: they cost space, are seen by nobody, and are discarded here."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from gmlm.telemetry import get_logger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ABANDONED_AFTER = 86_400.0
"""Seconds after which an upload that was not completed is taken for that of a killed process."""

log = get_logger(__name__)


@dataclass(frozen=True)
class UnfinishedUpload:
    """An upload in parts that was begun: the object's key in the bucket, the upload's id, its age in seconds."""

    key: str
    id: str
    age: float


def unfinished_uploads(client: S3Client, bucket: str, prefix: str) -> list[UnfinishedUpload]:
    """All uploads under a prefix that are neither completed nor aborted; their age is told by the server's clock."""
    found = []
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix):
        now = parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
        found += [
            UnfinishedUpload(item["Key"], item["UploadId"], (now - item["Initiated"]).total_seconds())
            for item in page.get("Uploads", [])
        ]
    return found


def discard_abandoned(client: S3Client, bucket: str, prefix: str) -> int:
    """Abort the uploads under a prefix that killed processes have left, and return their number.

    Zero where the credentials may not list uploads: then a lifecycle rule of the bucket must do it.
    """
    discarded = 0
    with suppress(ClientError):
        for upload in unfinished_uploads(client, bucket, prefix):
            if upload.age >= ABANDONED_AFTER:
                client.abort_multipart_upload(Bucket=bucket, Key=upload.key, UploadId=upload.id)
                discarded += 1
    if discarded:
        log.info("unfinished uploads of killed processes discarded", extra={"uploads": discarded})
    return discarded
