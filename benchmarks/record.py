"""Writes a benchmark's figures with what they were measured with, and prints its closing line.

Ratios depend on the processor. Figures of the last run on another one are kept under `elsewhere`.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gmlm.usage.environment import environment

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("gmlm", "torch", "transformers", "deepspeed", "ctranslate2", "typer")


def finish(
    name: str, *, figure: float, goal: float, figures: Mapping[str, float], settings: Mapping[str, object]
) -> None:
    """Write `results/NAME.json` and print `NAME: FIGURE (goal GOAL)`."""
    record: dict[str, Any] = {
        "name": name,
        "figure": figure,
        "goal": goal,
        "figures": dict(figures),
        "settings": dict(settings),
        "versions": {package: version(package) for package in PACKAGES} | {"python": platform.python_version()},
        "machine": {"cores": os.cpu_count(), "processor": environment()["processor"]},
    }
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{name}.json"
    if file.exists() and (others := elsewhere(json.loads(file.read_text(encoding="utf-8")), record["machine"])):
        record["elsewhere"] = others
    file.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{name}: {figure:.3f} (goal {goal})")


def elsewhere(before: dict[str, Any], here: object) -> list[dict[str, Any]]:
    """What was measured on other machines, newest first, each machine once."""
    runs = [before, *before.pop("elsewhere", [])]
    kept: dict[str, dict[str, Any]] = {}
    for run in runs:
        if run["machine"] != here:
            shown = {key: run[key] for key in ("figure", "figures", "machine", "settings", "versions") if key in run}
            kept.setdefault(json.dumps(run["machine"], sort_keys=True), shown)
    return list(kept.values())
