"""The files below k8s/ as they are written; what kustomize makes of them is tested by the integration tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
K8S = ROOT / "k8s"


@pytest.fixture(scope="session")
def documents() -> list[tuple[str, dict[str, Any]]]:
    """Every YAML document, with the path of its file below k8s/."""
    found = []
    for file in sorted(K8S.rglob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if isinstance(document, dict):
                found.append((file.relative_to(K8S).as_posix(), document))
    return found


@pytest.fixture(scope="session")
def k8s() -> Path:
    """The folder of the manifests."""
    return K8S
