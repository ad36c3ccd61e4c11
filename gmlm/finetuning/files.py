"""The files that a task is read from; light, since the plan of a study asks for them too."""

from __future__ import annotations

from pathlib import Path

from gmlm.config import TaskConfig
from gmlm.config.paths import resolve_path


def task_files(config: TaskConfig, study_folder: Path) -> dict[str, Path]:
    """The local file of each split, or the one file under `path`."""
    named = {"path": config.path, "train": config.train, "dev": config.dev, "test": config.test}
    return {name: resolve_path(path, study_folder) for name, path in named.items() if path is not None}
