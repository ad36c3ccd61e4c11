"""A model goes from a bucket to a bucket, and from a bucket to a folder, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gmlm.deployment import export_model
from gmlm.errors import AlreadyExistsError, InputNotFoundError
from gmlm.storage import open_store

pytestmark = pytest.mark.integration


@pytest.fixture
def in_bucket(finished: Any, s3_environment: str) -> Any:
    """The finished study, copied into a bucket."""
    bucket = open_store(f"{s3_environment}/study")
    for key in finished.store.list():
        bucket.write(key, finished.store.read(key))
    return bucket


def test_from_bucket_to_bucket_it_is_what_it_is_in_folders(
    finished: Any, in_bucket: Any, s3_environment: str, tmp_path: Path
) -> None:
    target = f"{s3_environment}/exported/base"
    exported = export_model(in_bucket, finished.plan, "base", target)
    export_model(finished.store, finished.plan, "base", str(tmp_path / "out"))
    here, there = open_store(str(tmp_path / "out")), open_store(target)
    assert exported.target == target
    assert list(here.list()) == list(there.list())
    assert all(here.read(key) == there.read(key) for key in here.list())


def test_a_bucket_that_holds_another_model_is_left_alone(finished: Any, in_bucket: Any, s3_environment: str) -> None:
    target = f"{s3_environment}/exported"
    export_model(in_bucket, finished.plan, "base", target)
    with pytest.raises(AlreadyExistsError):
        export_model(in_bucket, finished.plan, "clinical", target, inside=True)
    assert open_store(target).read("model.safetensors") == b"weights of base"


def test_a_missing_bucket_is_told(finished: Any, in_bucket: Any) -> None:
    with pytest.raises(InputNotFoundError, match="bucket"):
        export_model(in_bucket, finished.plan, "base", "s3://gmlm-no-such-bucket/x")
