"""Writes what is generated for Grafana and the operator: `python -m gmlm.monitoring.generate FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from gmlm.monitoring.dashboards import DASHBOARDS
from gmlm.monitoring.grafana import dashboard_json
from gmlm.monitoring.rules import prometheus_rules

DASHBOARD_FOLDER = "dashboards"
RULES_FILE = "prometheusrules.yaml"


def generated(component: Path) -> dict[str, str]:
    """The generated files of the kustomize component by their path in it."""
    files = {f"{DASHBOARD_FOLDER}/{spec.uid}.json": dashboard_json(spec) for spec in DASHBOARDS}
    return files | {RULES_FILE: prometheus_rules(sorted((component / "rules").glob("*.yaml")))}


def write(component: Path) -> None:
    """Write them."""
    for path, text in generated(component).items():
        (component / path).parent.mkdir(parents=True, exist_ok=True)
        (component / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
