"""A cluster in which groups of pods train, small studies for them, and what to compare them with.

Needs a cluster with pods that reach an S3 store; for TrainJobs and JobSets also their controllers. See
docs/developers/cluster-tests.md.

- `GMLM_E2E_STORE`: `s3://bucket/prefix` that may be written, reachable from here (`AWS_*`) and from pods.
- `GMLM_E2E_GROUPS`: a profile with `multi_node`, whose pods hold this version of the library.
- `GMLM_E2E_GROUPS_NAMESPACE`: the namespace; default: the kube context's.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.kubernetes.launcher.cluster import Cluster, Object
from gmlm.kubernetes.launcher.launch import by_group, group_of
from gmlm.kubernetes.launcher.names import JOB_LABEL, RESTARTS_ANNOTATION
from gmlm.kubernetes.launcher.ownership import PipelineRun
from gmlm.kubernetes.launcher.render import render_group
from gmlm.kubernetes.node import NodeResult, run_planned_node
from gmlm.kubernetes.planning import plan_study, select_nodes
from gmlm.kubernetes.profile import Profile, load_profile
from gmlm.stage import progress_prefix
from gmlm.storage import open_store
from gmlm.study.plan import PlannedNode
from gmlm.study.plan_file import read_plan

NEEDED = ("GMLM_E2E_STORE", "GMLM_E2E_GROUPS")
NODE = "pretrain/base"
SHORT, LONG = 12, 600
EVERY = 20
"""Steps between two checkpoints."""
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def study_of(steps: int) -> dict[str, Any]:
    """A study of one small encoder, trained by ZeRO-2 on what two ranks can share."""
    settings = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    optimisation = {"engine": "deepspeed", "zero_stage": 2, "log_every": 1, "checkpoint_every": EVERY}
    phase = {"corpus": "general", "steps": steps, "sequence_length": 32, "batch_tokens": 256, "micro_batch_tokens": 64}
    return {
        "name": f"groups-{steps}",
        "sources": {"german": {"reader": "text", "path": "texts", "language": "de"}},
        "recipes": {"general": {"sources": {"german": {}}, "decontaminate": False, "holdout_ratio": 0.2}},
        "tokenizers": {"words": {"train": {"corpus": "general", "vocab_size": 300}}},
        "models": {
            "base": {
                "architecture": {"tokenizer": "words", "settings": settings | dropout},
                "phases": [phase | {"optimisation": optimisation | {"learning_rate": 0.005}}],
            }
        },
    }


def losses(training: bytes) -> list[float]:
    """Losses of all steps, and the last one on held-out text."""
    report = json.loads(training)["phases"][0]
    return [point["loss"] for point in report["curve"]] + [report["holdout"][-1]["loss"]]


@dataclass(frozen=True)
class Groups:
    """A cluster, and how groups of pods run there."""

    cluster: Cluster
    profile: Profile
    folder: Path
    store: str

    def using(self, launcher: str, **changes: Any) -> Profile:
        """The profile for one kind of group."""
        assert self.profile.multi_node is not None
        multi_node = self.profile.multi_node.model_copy(update={"launcher": launcher, **changes})
        return self.profile.model_copy(update={"multi_node": multi_node})

    def kubectl(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Call kubectl in the namespace."""
        command = ["kubectl", "-n", self.cluster.namespace, *arguments]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    def finish_before_training(self, store: str, steps: int) -> str:
        """Plan a study and run all that pre-training needs; gives the plan's key."""
        plan = plan_study(yaml.safe_dump(study_of(steps), sort_keys=False), store, str(self.folder))
        for stage in ("ingest", "corpus", "tokenizer", "tokens"):
            for node in select_nodes(store, plan, [stage]):
                assert run_planned_node(store, plan, node, str(self.folder)).status == "done"
        return plan

    def prepare(self, steps: int) -> Prepared:
        """A study of so many steps in a fresh store, finished up to pre-training."""
        store = f"{self.store}/{uuid.uuid4().hex[:8]}"
        return Prepared(self, store, self.finish_before_training(store, steps))


@dataclass(frozen=True)
class Prepared:
    """A planned study in a store of its own, finished up to pre-training."""

    groups: Groups
    store: str
    plan: str

    @property
    def settled(self) -> PlannedNode:
        """The node that groups run."""
        return read_plan(open_store(self.store), self.plan).nodes[NODE]

    def run(self, profile: Profile) -> NodeResult:
        """Pre-train by a group of pods, followed from here."""
        work = by_group(profile, self.store, self.plan, "", self.groups.cluster)
        started = time.monotonic()
        result = run_planned_node(self.store, self.plan, NODE, work=work)
        assert profile.multi_node is not None
        print(f"{profile.multi_node.launcher}: {time.monotonic() - started:.1f} s", file=sys.stderr)
        return result

    def manifests(self, profile: Profile, run: str = "") -> list[Object]:
        """The objects of the group."""
        settings = {"store": self.store, "plan": self.plan, "study_folder": "", "run": PipelineRun(run)}
        return render_group(group_of(profile, self.settled, **settings))  # type: ignore[arg-type]

    def curve(self) -> list[float]:
        """Losses as the group has published them."""
        return losses(open_store(self.store).read(f"{self.settled.prefix}/training.json"))

    @contextlib.contextmanager
    def followed(self, profile: Profile) -> Iterator[Followed]:
        """Launch from a thread."""
        results: list[NodeResult | BaseException] = []

        def work() -> None:
            try:
                results.append(self.run(profile))
            except BaseException as error:
                results.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        (group, *_) = self.manifests(profile)
        yield Followed(self, group["kind"], group["metadata"]["name"], thread, results)


@dataclass(frozen=True)
class Followed:
    """A group that is being followed."""

    prepared: Prepared
    kind: str
    name: str
    thread: threading.Thread
    results: list[NodeResult | BaseException]

    @property
    def cluster(self) -> Cluster:
        """Where it runs."""
        return self.prepared.groups.cluster

    def result(self) -> NodeResult:
        """Wait for the launcher's result."""
        self.thread.join(900)
        assert not self.thread.is_alive(), "the launcher has not ended"
        if isinstance(self.results[0], BaseException):
            raise self.results[0]
        return self.results[0]

    def pods(self) -> dict[str, Object]:
        """The group's pods by uid."""
        return {pod["metadata"]["uid"]: pod for pod in self.cluster.pods(f"{JOB_LABEL}={self.name}")}

    def running(self, rank: int) -> str | None:
        """The running pod of a rank."""
        for pod in self.pods().values():
            index = pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"]
            if index == str(rank) and pod["status"].get("phase") == "Running":
                return str(pod["metadata"]["name"])
        return None

    def replaced(self, first: set[str]) -> bool:
        """Whether both pods run and are others than they were."""
        phases = [pod["status"].get("phase") for uid, pod in self.pods().items() if uid not in first]
        return phases == ["Running", "Running"]

    def execute(self, pod: str | None, code: str) -> str:
        """Run Python in a pod; what it prints, or nothing where the pod is not there (any more)."""
        return self.prepared.groups.kubectl("exec", pod, "--", "python3", "-c", code).stdout if pod else ""

    def checkpoint(self) -> int:
        """Newest whole checkpoint in the store."""
        planned = self.prepared.settled
        unfinished = progress_prefix(planned.node.stage, planned.node.name, planned.progress)
        keys = [key for key in open_store(self.prepared.store).list(unfinished) if key.endswith("/state.json")]
        return max((int(key.split("/")[-2][5:]) for key in keys), default=0)

    def first_step(self) -> int:
        """The step that rank 0's pod has logged first; 0 before there is one. An evaluation comes before all steps."""
        pod = self.running(0)
        for line in self.cluster.tail(pod, 1000).splitlines() if pod else []:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                if step := int(json.loads(line)["step"]):
                    return step
        return 0

    def restarts(self) -> int:
        """How often the group was started again after a failure."""
        if self.kind == "Job":
            job = self.cluster.find("Job", self.name)
            return int(job["metadata"]["annotations"][RESTARTS_ANNOTATION]) if job else 0
        jobset = self.cluster.find("JobSet", self.name)
        return int(jobset["status"].get("restarts", 0)) if jobset else 0


@pytest.fixture
def until() -> Callable[..., Any]:
    """Ask until the answer is true."""

    def ask(what: Callable[[], Any], seconds: float = 300) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := what():
                return found
            time.sleep(0.3)
        raise AssertionError("waited in vain")

    return ask


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Groups:
    """The cluster, with texts to train on."""
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        pytest.skip(f"not set: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("groups")
    (folder / "texts").mkdir()
    words = ["Fieber", "Husten", "Befund", "Patient", "Lunge", "Herz", "ohne", "mit", "klar", "leicht"]
    for document in range(60):
        text = " ".join(words[(document * 7 + place * (1 + document % 3)) % len(words)] for place in range(20))
        (folder / "texts" / f"{document:02}.txt").write_text(f"Der Arzt sieht {text}.", encoding="utf-8")
    profile = load_profile(os.environ["GMLM_E2E_GROUPS"])
    cluster = Cluster(os.environ.get("GMLM_E2E_GROUPS_NAMESPACE"))
    return Groups(cluster, profile, folder, f"{os.environ['GMLM_E2E_STORE']}/{uuid.uuid4().hex[:8]}")


@pytest.fixture
def short(groups: Groups) -> Prepared:
    """A study of a few steps."""
    return groups.prepare(SHORT)


@pytest.fixture
def long(groups: Groups) -> Prepared:
    """A study that lasts long enough to be disturbed."""
    return groups.prepare(LONG)


@pytest.fixture(scope="module")
def one_process(groups: Groups, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """Losses of the short study in one process on this machine."""
    file, store = groups.folder / "study.yaml", tmp_path_factory.mktemp("one")
    file.write_text(yaml.safe_dump(study_of(SHORT), sort_keys=False))
    for stage in ("ingest", "build-corpus", "pretrain"):
        command = [sys.executable, "-m", "gmlm.cli", stage, str(file), "--store", str(store)]
        subprocess.run(command, check=True, env=ENVIRONMENT, timeout=900)
    (training,) = store.glob("pretrain/base/*/training.json")
    return losses(training.read_bytes())


@pytest.fixture(scope="module")
def two_ranks(groups: Groups, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """Losses of the long study by two ranks on this machine that nothing interrupts."""
    store = str(tmp_path_factory.mktemp("two"))
    plan = groups.finish_before_training(store, LONG)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    rank = ["-m", "gmlm.kubernetes.launcher.rank", store, plan, NODE, ""]
    subprocess.run([*launch, *rank], check=True, env=ENVIRONMENT, timeout=900)
    (training,) = Path(store).glob("pretrain/base/*/training.json")
    return losses(training.read_bytes())
