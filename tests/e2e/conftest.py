"""The demo's study in miniature: every stage of it, in seconds."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.demo import generate_world
from gmlm.storage import Store, open_store

CLUSTER_NEEDS = ("KF_PIPELINES_ENDPOINT", "GMLM_E2E_STORE", "GMLM_E2E_PROFILE")
RUN_SECONDS = 2400


def shrink(study: dict[str, Any]) -> dict[str, Any]:
    """The same study with the smallest models and the fewest steps."""
    for translator in study["translators"].values():
        translator["train"] |= {"steps": 12, "hidden_size": 32, "feed_forward_size": 64, "vocab_size": 1500}
        translator["train"]["optimisation"]["checkpoint_every"] = 4
    for translation in study["translations"].values():
        translation |= {"max_flagged_ratio": 1.0, "documents_per_shard": 4}
    for tokenizer in study["tokenizers"].values():
        tokenizer["train"]["vocab_size"] = 500
    for model in study["models"].values():
        if "architecture" in model:
            model["architecture"]["settings"] |= {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
        for phase in model.get("phases", []):
            phase |= {"steps": 6, "batch_tokens": phase["sequence_length"] * 4}
    for recipe in study["recipes"].values():
        recipe |= {"identify_language": False, "holdout_ratio": 0.2}
    for task in study["tasks"].values():
        task["finetuning"] |= {"epochs": 1}
    study["evaluation"] |= {"seeds": [1, 2], "resamples": 200}
    return study


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Study file of a tiny world."""
    folder = tmp_path_factory.mktemp("world")
    generate_world(folder, size="tiny")
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(shrink(yaml.safe_load(file.read_text(encoding="utf-8")))), encoding="utf-8")
    return file


def cut(study: dict[str, Any]) -> dict[str, Any]:
    """One node of each kind but two cells: a pod takes its time to start, and every node is a pod."""
    task = next(iter(study["tasks"]))
    study["tasks"] = {task: study["tasks"][task]}
    study["sources"] = {"pubmed": study["sources"]["pubmed"]}
    study["translations"] = {"pubmed_de": study["translations"]["pubmed_de"]}
    study["recipes"] = {"general": {**study["recipes"]["general"], "sources": {"pubmed_de": {}}}}
    study["models"] = {"base": study["models"]["base"]}
    study["evaluation"] |= {"models": ["base"], "baseline": "base", "tasks": [task], "seeds": [1, 2]}
    return study


@dataclass
class Cluster:
    """A real cluster, and the part of a store that this session of tests writes to."""

    study: Path
    store: str
    folder: Path
    namespace: str = os.environ.get("GMLM_E2E_NAMESPACE", "kubeflow")

    def gmlm(self, *arguments: str, expect: int = 0) -> str:
        """Run a command of ours, and return what it printed."""
        command = [sys.executable, "-m", "gmlm.cli", *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_SECONDS)
        assert result.returncode == expect, f"{arguments[:2]} gave {result.returncode}:\n{result.stderr[-3000:]}"
        return result.stdout + (result.stderr if expect else "")

    def package(self, study: Path, **changes: Any) -> Path:
        """A compiled pipeline for a study; `changes` replace fields of the profile."""
        from gmlm.kubernetes.planning import fit_profile, read_study
        from gmlm.kubernetes.profile import Profile, load_profile
        from pipelines.compiling import compile_pipelines

        profile = load_profile(os.environ["GMLM_E2E_PROFILE"]).model_dump() | changes
        fitting = fit_profile(Profile.model_validate(profile), read_study(str(study)))
        (package,) = compile_pipelines(["study"], [fitting], self.folder)
        if rewrite := os.environ.get("GMLM_E2E_REWRITE"):
            source, package = package, self.folder / "rewritten.yaml"
            subprocess.run([*shlex.split(rewrite), str(source), str(package)], check=True, capture_output=True)
        return package

    def write(self, name: str, study: dict[str, Any]) -> Path:
        """A study file beside that of the cluster."""
        file = self.study.with_name(name)
        file.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
        return file

    def submit(self, store: str, study: Path | None = None, **changes: Any) -> str:
        """Submit a study (default: the small one) by the command line, and return the id of the run."""
        chosen = study or self.study
        address = store if "://" in store else f"{self.store}/{store}"
        given = ["--store", address, "--study-folder", f"{self.store}/inputs", "--no-check"]
        package = self.package(chosen, **changes)
        return self.gmlm("pipeline", "submit", str(chosen), *given, "--package", str(package)).split()[-1]

    def wait(self, run_id: str) -> str:
        """Wait for the end of a run; its state."""
        started = time.monotonic()
        state = self._service.wait(run_id, RUN_SECONDS).state
        print(f"run {run_id}: {state} after {time.monotonic() - started:.0f} s", file=sys.stderr)
        return state

    def run(self, store: str, study: Path | None = None, **changes: Any) -> tuple[str, str]:
        """Submit a study and wait for its end: id of the run and its state."""
        run_id = self.submit(store, study, **changes)
        return run_id, self.wait(run_id)

    def opened(self, store: str) -> Store:
        """A store of a study."""
        return open_store(f"{self.store}/{store}")

    def worked_on(self, run_id: str) -> list[str]:
        """Nodes that got a pod."""
        return sorted({pod.node.partition("#")[0] for pod in self.pods.tasks(run_id) if "/" in pod.node})

    def until(self, seconds: float, found: Any) -> Any:
        """Ask until there is an answer, and return it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if answer := found():
                return answer
            time.sleep(1)
        raise AssertionError(f"nothing within {seconds} s")

    @cached_property
    def pods(self) -> Any:
        """The pods of runs."""
        from gmlm.kubernetes.pods import RunPods

        return RunPods(self.namespace)

    @cached_property
    def _service(self) -> Any:
        from pipelines.client import PipelinesClient

        return PipelinesClient()

    @cached_property
    def _kubernetes(self) -> Any:
        from kubernetes import client, config

        config.load_kube_config()
        return client

    def delete(self, pod: str) -> None:
        """Take a pod away at once, as the loss of its machine does."""
        self._kubernetes.CoreV1Api().delete_namespaced_pod(pod, self.namespace, grace_period_seconds=0)

    def active_pods(self, run_id: str) -> list[str]:
        """Pods of a run that wait or work, those of Kubeflow Pipelines itself among them."""
        found = self._kubernetes.CoreV1Api().list_namespaced_pod(
            self.namespace, label_selector=f"pipeline/runid={run_id}"
        )
        return [pod.metadata.name for pod in found.items if pod.status.phase in ("Pending", "Running")]

    def train_jobs(self, run_id: str) -> list[str]:
        """Groups of pods that a run has launched."""
        from gmlm.kubernetes.launcher.cluster import Cluster as Api
        from gmlm.kubernetes.launcher.names import RUN_LABEL

        api = Api(self.namespace)
        return [
            item["metadata"]["name"]
            for kind in ("TrainJob", "JobSet")
            for item in api.select(kind, f"{RUN_LABEL}={run_id}")
        ]


@dataclass
class Killer:
    """Deletes the first working pod of each kind of task, once."""

    cluster: Cluster
    run_id: str
    tasks: set[str]
    killed: dict[str, str] = field(default_factory=dict)

    def work(self, stop: threading.Event) -> None:
        """Until it is told to stop."""
        while not stop.wait(0.3):
            for pod in self.cluster.pods.tasks(self.run_id):
                kind = pod.node.partition("/")[0] if pod.task == "build-corpus" else pod.task
                if pod.state == "running" and kind in self.tasks and kind not in self.killed:
                    self.cluster.delete(pod.name)
                    self.killed[kind] = pod.node


@pytest.fixture(scope="session")
def killing() -> Callable[..., AbstractContextManager[Killer]]:
    """While the context lasts, kill one pod of each kind of task: killing(cluster, run_id, kinds)."""

    @contextmanager
    def kill(cluster: Cluster, run_id: str, tasks: set[str]) -> Iterator[Killer]:
        killer, stop = Killer(cluster, run_id, tasks), threading.Event()
        thread = threading.Thread(target=killer.work, args=(stop,), daemon=True)
        thread.start()
        try:
            yield killer
        finally:
            stop.set()
            thread.join(30)

    return kill


@pytest.fixture(scope="session")
def small_study(tiny_study: Path) -> Path:
    """A part of that study, one node of each kind; for runs whose every node costs a process or pod of its own."""
    study = tiny_study.with_name("cut.yaml")
    study.write_text(yaml.safe_dump(cut(yaml.safe_load(tiny_study.read_text())), sort_keys=False))
    return study


@pytest.fixture(scope="session")
def cluster(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The cluster, with the inputs of a part of the smallest demo study in its store."""
    missing = [name for name in CLUSTER_NEEDS if not os.environ.get(name)]
    if missing:
        pytest.skip(f"not set: {', '.join(missing)}")
    store = f"{os.environ['GMLM_E2E_STORE']}/{uuid.uuid4().hex[:8]}"
    inputs = open_store(f"{store}/inputs")
    for folder in ("pubmed", "parallel", "tasks"):
        for file in sorted((small_study.parent / folder).rglob("*.*")):
            inputs.upload(file, file.relative_to(small_study.parent).as_posix())
    return Cluster(small_study, store, tmp_path_factory.mktemp("compiled"))


@pytest.fixture(scope="session")
def direct(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The store of `gmlm run` on this machine."""
    folder = tmp_path_factory.mktemp("direct")
    cluster.gmlm("run", str(cluster.study), "--store", str(folder))
    return open_store(str(folder))


@pytest.fixture(scope="module")
def core() -> Any:
    """Kubernetes' own client."""
    from kubernetes import client, config

    try:
        config.load_kube_config()
    except config.ConfigException:
        pytest.skip("no kube context: set KUBECONFIG")
    return client


@pytest.fixture(scope="module")
def namespace(core: Any) -> Iterator[str]:
    """A namespace that is removed in the end."""
    name = f"gmlm-doctor-{uuid.uuid4().hex[:8]}"
    core.CoreV1Api().create_namespace({"metadata": {"name": name}})
    yield name
    core.CoreV1Api().delete_namespace(name)
