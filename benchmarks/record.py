"""Writes a benchmark's figures with the versions they were measured with, and prints its closing line."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("gmlm", "torch", "transformers", "deepspeed", "ctranslate2", "typer")


def finish(
    name: str, *, figure: float, goal: float, figures: Mapping[str, float], settings: Mapping[str, object]
) -> None:
    """Write `results/NAME.json` and print `NAME: FIGURE (goal GOAL)`."""
    record = {
        "name": name,
        "figure": figure,
        "goal": goal,
        "figures": dict(figures),
        "settings": dict(settings),
        "versions": {package: version(package) for package in PACKAGES} | {"python": platform.python_version()},
        "machine": {"cores": os.cpu_count(), "processor": platform.machine()},
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{name}: {figure:.3f} (goal {goal})")
