"""A small planned study whose stages are stubs in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gmlm.config.base import Frozen
from gmlm.kubernetes.planning import plan_study
from gmlm.manifest import Manifest
from gmlm.stage import StageRun
from gmlm.storage.local import LocalStore
from gmlm.study import runner


@dataclass
class Study:
    """A planned study in a store, and what its stages do."""

    file: Path
    store: Path
    plan: str = ""
    ran: list[str] = field(default_factory=list)
    folders: dict[str, Path] = field(default_factory=dict)
    failures: dict[str, BaseException] = field(default_factory=dict)

    def load(self, stage: str) -> Callable[[Frozen, StageRun], Manifest]:
        """Stands for `load_stage`."""

        def work(config: Frozen, run: StageRun) -> Manifest:
            node = f"{run.stage}/{run.name}"
            self.ran.append(node)
            self.folders[node] = run.study_folder
            if node in self.failures:
                raise self.failures[node]
            name = "report.html" if stage == "report" else "output"
            return run.publish("documents", config, [run.write(name, node.encode())], metrics={"f1": 0.5})

        return work


@pytest.fixture
def study(stub_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study that is planned, of which nothing has run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(stub_study.parent, tmp_path / "study")
    made = Study(tmp_path / "study" / "study.yaml", tmp_path / "store")
    monkeypatch.setattr(runner, "load_stage", made.load)
    made.plan = plan_study(made.file.read_text(), str(made.store), str(made.file.parent))
    return made


@pytest.fixture
def opened(study: Study) -> LocalStore:
    """The study's store."""
    return LocalStore(study.store)
