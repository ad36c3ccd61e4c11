"""Lineage of data sets that lie on a real S3 server."""

from __future__ import annotations

import pytest

from gmlm.config import ReportConfig
from gmlm.lineage import lineage, locate
from gmlm.manifest import Manifest, publish_manifest
from gmlm.storage import open_store

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("root", ["", "/some/prefix"])
def test_a_data_set_is_located_and_traced_on_s3(s3_environment, root):
    store = open_store(s3_environment + root)
    config = ReportConfig(study="s").model_dump(mode="json")
    manifest = Manifest(
        kind="documents",
        stage="ingest",
        name="x",
        fingerprint="f" * 64,
        code_version="1",
        config=config,
        prefix="ingest/x/ffffffffffff",
    )
    publish_manifest(store, manifest)
    found, prefix = locate(f"{s3_environment}{root}/ingest/x/ffffffffffff/manifest.json")
    assert found.uri == s3_environment + root
    assert lineage(found, prefix).sha256 == manifest.sha256
