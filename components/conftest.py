"""What components are tested with: a store whose nodes are finished, and kfp's outputs in a folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kfp import local

from gmlm.kubernetes import node as node_module
from gmlm.kubernetes.node import NodeResult
from gmlm.manifest import Manifest
from gmlm.storage.local import LocalStore
from gmlm.study.plan_file import read_plan

FINISH = """
import sys
from gmlm.kubernetes.planning import plan_study
from gmlm.study.commands import run
from gmlm.study.selection import Selection
from pathlib import Path

study, store = sys.argv[1:]
run(Path(study), Selection(), store=store, observer=lambda *_: None)
print(plan_study(study, store, str(Path(study).parent)))
"""


@dataclass(frozen=True)
class Planned:
    """A store, and the key of the plan in it."""

    store: str
    plan: str

    def manifest(self, node: str) -> Path:
        """Where the manifest of a node lies, or would lie."""
        planned = read_plan(LocalStore(Path(self.store)), self.plan).nodes[node]
        return Path(self.store) / planned.prefix / "manifest.json"

    def forget(self, *nodes: str) -> None:
        """Make nodes unfinished."""
        for node in nodes:
            self.manifest(node).unlink()


@pytest.fixture(scope="session")
def finished_store(stub_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """A store in which every node of the study was finished by stubs."""
    from conftest import STUBS

    folder = tmp_path_factory.mktemp("finished")
    (folder / "sitecustomize.py").write_text(STUBS, encoding="utf-8")
    store = folder / "store"
    command = [sys.executable, "-c", FINISH, str(stub_study), str(store)]
    environment = {"PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(folder), "PATH": "/usr/bin:/bin"}
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
    return Planned(str(store), result.stdout.strip())


@pytest.fixture
def planned(finished_store: Planned, tmp_path: Path) -> Planned:
    """A copy of that store, to be changed."""
    shutil.copytree(finished_store.store, tmp_path / "store")
    return Planned(str(tmp_path / "store"), finished_store.plan)


@dataclass
class Output:
    """An output artifact as kfp hands it to a component."""

    path: str
    metadata: dict[str, Any] = field(default_factory=dict)

    def json(self) -> Any:
        """What was written to it."""
        return json.loads(Path(self.path).read_text())


@pytest.fixture
def output(tmp_path: Path) -> Callable[[str], Output]:
    """Make an output artifact of a name."""
    return lambda name: Output(str(tmp_path / "outputs" / name))


@pytest.fixture
def setup_and_teardown_subprocess_runner(tmp_path: Path, stub_stages: Path) -> Iterator[None]:
    """Run components in processes of their own, which find stubs for stages."""
    (tmp_path / "workspace").mkdir()
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=str(tmp_path / "root"),
        workspace_root=str(tmp_path / "workspace"),
        raise_on_error=True,
    )
    yield
    local.config.LocalExecutionConfig.instance = None


MANIFEST = Manifest(
    kind="documents",
    stage="ingest",
    name="x",
    fingerprint="f" * 64,
    code_version="1",
    config={},
    counters={"in": 3, "out": 2, "rejected": 1},
    metrics={"score": 0.5},
)


@pytest.fixture(params=["done", "failed"])
def check_node_component(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, output: Callable[[str], Output]
) -> Callable[[Any, str], None]:
    """Check that a component runs its node and shows what became of it; give it component and node."""

    def check(component: Any, node: str) -> None:
        done = NodeResult(node, "done", manifest=MANIFEST)
        result = done if request.param == "done" else NodeResult(node, "failed", "what to do")
        asked: list[Any] = []

        def run(*arguments: Any) -> NodeResult:
            asked.append(arguments)
            return result

        monkeypatch.setattr(node_module, "run_planned_node", run)
        manifest, metrics = output("manifest"), output("metrics")
        component.python_func("store", "plans/x/1.json", node, manifest, metrics, "folder")
        assert asked == [("store", "plans/x/1.json", node, "folder")]
        if result.manifest is None:
            assert manifest.json() == {"node": node, "status": "failed", "message": "what to do"}
            assert metrics.json() == {}
        else:
            assert manifest.json()["fingerprint"] == "f" * 64
            assert metrics.metadata == metrics.json() == {"in": 3, "out": 2, "rejected": 1, "score": 0.5}

    return check
