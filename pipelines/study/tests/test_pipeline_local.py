"""A study run as a pipeline, each task in its own process, is the study that `gmlm run` makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gmlm.storage.local import LocalStore

pytestmark = pytest.mark.usefixtures("stub_stages")


def gmlm(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gmlm.cli", *map(str, arguments)]
    environment = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=280, env=environment)


RUN = """
import json, sys
from pathlib import Path
from gmlm.study.commands import run
from gmlm.study.selection import Selection

_, outcome = run(Path(sys.argv[1]), Selection(), store=sys.argv[2], observer=lambda *_: None)
print(json.dumps([node for node, found in outcome.nodes.items() if found.status == "done"]))
"""
"""`gmlm run` without its last line, the table: stubs have no scores."""


def run_directly(study: Path, store: Path) -> list[str]:
    """Run a study without a pipeline, and return the nodes that were not finished before."""
    result = subprocess.run(
        [sys.executable, "-c", RUN, str(study), str(store)], capture_output=True, text=True, check=False, timeout=280
    )
    assert result.returncode == 0, result.stderr
    return list(json.loads(result.stdout))


def contents(folder: Path) -> dict[str, bytes]:
    """All that a store holds but the plan, which only pipelines need."""
    store = LocalStore(folder)
    return {key: store.read(key) for key in store.list() if not key.startswith((".scratch", "plans/", "usage/"))}


@pytest.fixture(scope="module")
def direct(stub_study: Path, stub_stages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of `gmlm run`."""
    store = tmp_path_factory.mktemp("direct")
    run_directly(stub_study, store)
    return store


def test_it_writes_the_same_bytes_as_a_run_without_a_pipeline(stub_study: Path, direct: Path, tmp_path: Path) -> None:
    result = gmlm("pipeline", "run-local", stub_study, "--store", tmp_path / "store")
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    assert contents(tmp_path / "store") == contents(direct)


def test_a_failed_cell_leaves_report_and_status_and_fails_the_run(stub_study: Path, tmp_path: Path) -> None:
    store, cell = tmp_path / "store", "finetune/continued--ner--1"
    failed = gmlm("pipeline", "run-local", stub_study, "--store", store, STUB_FAIL=cell)
    assert failed.returncode == 21
    assert f"{cell}: LabelError: {cell}: a label that is not allowed" in failed.stdout + failed.stderr
    found = contents(store)
    assert json.loads(found[f"status/small/{cell}.json"])["error"] == "LabelError"
    (report,) = [key for key in found if key.startswith("report/") and key.endswith("report.html")]
    assert b"continued" not in found[report].splitlines()[0]


def test_each_goes_on_from_what_the_other_began(stub_study: Path, direct: Path, tmp_path: Path) -> None:
    store, model = tmp_path / "store", "pretrain/continued"
    lost = gmlm("pipeline", "run-local", stub_study, "--store", store, STUB_DIE=model)
    assert lost.returncode == 21
    before = contents(store)
    assert any(key.startswith("finetune/base--ner--1/") for key in before), "a lost pod must not stop other cells"
    assert any(key.startswith("report/") for key in before)
    left = [model, "finetune/continued--ner--1", "evaluate/small", "audit/continued", "report/small"]
    assert sorted(run_directly(stub_study, store)) == sorted(left)
    assert contents(direct).items() <= contents(store).items()
