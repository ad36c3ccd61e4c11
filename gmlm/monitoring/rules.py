"""Wraps plain Prometheus rules into the PrometheusRule that the operator takes: they are written once, plainly."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

INTRODUCTION = "# Written by `make dashboards` from rules/; do not edit.\n"


def rule_groups(file: Path) -> list[dict[str, Any]]:
    """The groups of a file of plain rules."""
    groups: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    return groups


def prometheus_rules(files: Iterable[Path]) -> str:
    """One PrometheusRule per file, as YAML; Prometheus selects them by the label `release` or takes all."""
    documents = [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": f"gmlm-{file.stem}", "namespace": "gmlm"},
            "spec": {"groups": rule_groups(file)},
        }
        for file in files
    ]
    return INTRODUCTION + yaml.safe_dump_all(documents, sort_keys=False, width=1000)
