"""A study run in real pods gives the bytes of `gmlm run`, is resumed without new work, and says what failed.

Any cluster will do that has Kubeflow Pipelines and an S3 store; see docs/developers/cluster-tests.md.

- `KF_PIPELINES_ENDPOINT`: address of the service.
- `GMLM_E2E_STORE`: `s3://bucket/prefix` that may be written, reachable from here (`AWS_*`) and from pods.
- `GMLM_E2E_PROFILE`: a profile whose image holds this version of the library.
- `GMLM_E2E_REWRITE`: for old backends, a command that is called with a compiled pipeline and the file to write.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.kubernetes.planning import read_study, rounds_needed
from gmlm.kubernetes.profile import load_profile
from gmlm.storage import Store, open_store
from pipelines.client import PipelinesClient, RunStatus
from pipelines.compiling import compile_pipelines

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600)]

NEEDED = ("KF_PIPELINES_ENDPOINT", "GMLM_E2E_STORE", "GMLM_E2E_PROFILE")
RUN_SECONDS = 2400


@dataclass
class Cluster:
    """The service, and the part of the store that this session of tests writes to."""

    client: PipelinesClient
    store: str
    study: Path

    def run(self, folder: Path, store: str, study: str | None = None) -> RunStatus:
        """Submit the study (or another text of it), and wait for its end."""
        text = study or self.study.read_text()
        rounds = rounds_needed(read_study(text))
        profile = load_profile(os.environ["GMLM_E2E_PROFILE"]).model_copy(update={"rounds": rounds})
        (package,) = compile_pipelines(["study"], [profile], folder)
        if rewrite := os.environ.get("GMLM_E2E_REWRITE"):
            source, package = package, folder / "rewritten.yaml"
            subprocess.run([*shlex.split(rewrite), str(source), str(package)], check=True)
        arguments = {"study": text, "store": f"{self.store}/{store}", "study_folder": f"{self.store}/inputs"}
        started = time.monotonic()
        run_id = self.client.submit(package, arguments, name=f"e2e {store}", experiment="gmlm-e2e")
        found = self.client.wait(run_id, RUN_SECONDS)
        print(f"run {store}: {found.state} after {time.monotonic() - started:.0f} s", file=sys.stderr)
        return found


def cut(study: dict[str, Any]) -> dict[str, Any]:
    """One source, one task and two models of the study: a pod takes its time to start, and every node is a pod."""
    task = next(iter(study["tasks"]))
    study["tasks"] = {task: study["tasks"][task]}
    study["sources"] = {name: study["sources"][name] for name in ("pubmed", "general")}
    study["translations"] = {"pubmed_de": study["translations"]["pubmed_de"]}
    study["recipes"] = {"general": study["recipes"]["general"], "translated": {"sources": {"pubmed_de": {}}}}
    study["models"] = {name: study["models"][name] for name in ("base", "translated")}
    study["evaluation"] |= {"models": ["base", "translated"], "baseline": "base", "tasks": [task]}
    return study


@pytest.fixture(scope="module")
def cluster(tiny_study: Path) -> Cluster:
    """The cluster, with the inputs of a part of the smallest demo study in its store."""
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        pytest.skip(f"not set: {', '.join(missing)}")
    study = tiny_study.with_name("cut.yaml")
    study.write_text(yaml.safe_dump(cut(yaml.safe_load(tiny_study.read_text())), sort_keys=False))
    store = f"{os.environ['GMLM_E2E_STORE']}/{uuid.uuid4().hex[:8]}"
    inputs = open_store(f"{store}/inputs")
    for folder in ("pubmed", "general", "parallel", "tasks"):
        for file in sorted((tiny_study.parent / folder).rglob("*.*")):
            inputs.upload(file, file.relative_to(tiny_study.parent).as_posix())
    return Cluster(PipelinesClient(), store, study)


@pytest.fixture(scope="module")
def direct(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The store of `gmlm run` on this machine."""
    folder = tmp_path_factory.mktemp("direct")
    command = [sys.executable, "-m", "gmlm.cli", "run", str(cluster.study), "--store", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment, timeout=RUN_SECONDS)
    return open_store(str(folder))


@pytest.fixture(scope="module")
def first_run(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> RunStatus:
    """The study run in pods, once."""
    return cluster.run(tmp_path_factory.mktemp("compiled"), "whole")


def contents(store: Store) -> dict[str, bytes]:
    """All that a study has written but the plan, which only pipelines need."""
    return {key: store.read(key) for key in store.list() if not key.startswith((".scratch", "plans/"))}


def test_pods_write_the_bytes_that_one_machine_writes(cluster: Cluster, first_run: RunStatus, direct: Store) -> None:
    assert first_run.state == "SUCCEEDED", first_run
    found, expected = contents(open_store(f"{cluster.store}/whole")), contents(direct)
    assert sorted(found) == sorted(expected)
    assert [key for key in expected if found[key] != expected[key]] == []


def test_the_scores_are_those_of_one_machine(cluster: Cluster, first_run: RunStatus, direct: Store) -> None:
    (key,) = [key for key in direct.list("evaluate") if key.endswith("scores.json")]
    assert json.loads(open_store(f"{cluster.store}/whole").read(key)) == json.loads(direct.read(key))


def test_submitted_again_it_does_no_work_again(cluster: Cluster, first_run: RunStatus, tmp_path: Path) -> None:
    store = open_store(f"{cluster.store}/whole")
    before = contents(store)
    again = cluster.run(tmp_path, "whole")
    assert again.state == "SUCCEEDED", again
    assert contents(store) == before
    workers = {"ingest", "translate", "build-corpus", "pretrain", "finetune-cell"}
    assert not {name for name, _ in again.tasks if name.removesuffix("-driver") in workers}


def test_what_cannot_be_done_fails_the_run_and_leaves_the_report(cluster: Cluster, tmp_path: Path) -> None:
    config = read_study(cluster.study.read_text())
    name, data = next(iter(config.tasks)), config.model_dump(mode="json")
    data["tasks"][name]["labels"] = ["NO_SUCH_LABEL"]
    broken = yaml.safe_dump(data, sort_keys=False)
    failed = cluster.run(tmp_path, "broken", broken)
    assert failed.state == "FAILED", failed
    store = open_store(f"{cluster.store}/broken")
    assert json.loads(store.read(f"status/{config.name}/task/{name}.json"))["error"] == "LabelError"
    assert [key for key in store.list("report") if key.endswith("report.html")]
