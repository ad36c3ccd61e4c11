"""Two pods pre-train as one process does, whatever they are to Kubernetes; they come back from what befalls them.

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
from gmlm.kubernetes.launcher.names import JOB_LABEL, RESTARTS_ANNOTATION, RUN_LABEL
from gmlm.kubernetes.launcher.ownership import PipelineRun
from gmlm.kubernetes.launcher.reap import reap
from gmlm.kubernetes.launcher.render import render_group
from gmlm.kubernetes.launcher.state import state_of
from gmlm.kubernetes.node import NodeResult, run_planned_node
from gmlm.kubernetes.planning import plan_study, select_nodes
from gmlm.kubernetes.profile import Profile, load_profile
from gmlm.storage import open_store
from gmlm.study.plan_file import read_plan

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

NEEDED = ("GMLM_E2E_STORE", "GMLM_E2E_GROUPS")
LAUNCHERS = {"job": "Job", "trainjob": "TrainJob", "jobset": "JobSet"}
NODE = "pretrain/base"
SHORT, LONG = 12, 300
EVERY = 20
"""Steps between two checkpoints."""


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


@dataclass(frozen=True)
class Prepared:
    """A planned study in a store of its own, finished up to pre-training."""

    groups: Groups
    store: str
    plan: str
    steps: int

    def run(self, profile: Profile) -> NodeResult:
        """Pre-train by a group of pods, followed from here."""
        work = by_group(profile, self.store, self.plan, "", self.groups.cluster)
        started = time.monotonic()
        result = run_planned_node(self.store, self.plan, NODE, work=work)
        print(f"{profile.multi_node.launcher}: {time.monotonic() - started:.1f} s", file=sys.stderr)  # type: ignore[union-attr]
        return result

    def manifests(self, profile: Profile, run: str = "") -> list[Object]:
        """The objects of the group."""
        settled = read_plan(open_store(self.store), self.plan).nodes[NODE]
        group = group_of(profile, settled, store=self.store, plan=self.plan, study_folder="", run=PipelineRun(run))
        return render_group(group)

    def curve(self) -> list[float]:
        """Losses of all steps, as the group has published them."""
        settled = read_plan(open_store(self.store), self.plan).nodes[NODE]
        return losses(open_store(self.store).read(f"{settled.prefix}/training.json"))


def losses(training: bytes) -> list[float]:
    report = json.loads(training)["phases"][0]
    return [point["loss"] for point in report["curve"]] + [report["holdout"][-1]["loss"]]


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Groups:
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


@pytest.fixture(scope="module")
def prepare(groups: Groups) -> Callable[[int], Prepared]:
    """Plan a study of so many steps in a fresh store, and finish all that pre-training needs."""

    def make(steps: int) -> Prepared:
        store = f"{groups.store}/{uuid.uuid4().hex[:8]}"
        return Prepared(groups, store, finish_before_training(groups, store, steps), steps)

    return make


def finish_before_training(groups: Groups, store: str, steps: int) -> str:
    """Plan a study and run all that pre-training needs; gives the plan's key."""
    plan = plan_study(yaml.safe_dump(study_of(steps), sort_keys=False), store, str(groups.folder))
    for stage in ("ingest", "corpus", "tokenizer", "tokens"):
        for node in select_nodes(store, plan, [stage]):
            assert run_planned_node(store, plan, node, str(groups.folder)).status == "done"
    return plan


@pytest.fixture(scope="module")
def one_process(groups: Groups, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """Losses of the short study in one process on this machine."""
    file, store = groups.folder / "study.yaml", tmp_path_factory.mktemp("one")
    file.write_text(yaml.safe_dump(study_of(SHORT), sort_keys=False))
    for stage in ("ingest", "build-corpus", "pretrain"):
        command = [sys.executable, "-m", "gmlm.cli", stage, str(file), "--store", str(store)]
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=900)
    (training,) = store.glob("pretrain/base/*/training.json")
    return losses(training.read_bytes())


@pytest.fixture(scope="module")
def two_ranks(groups: Groups, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """Losses of the long study by two ranks on this machine that nothing interrupts."""
    store = str(tmp_path_factory.mktemp("two"))
    plan = finish_before_training(groups, store, LONG)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    rank = ["-m", "gmlm.kubernetes.launcher.rank", store, plan, NODE, ""]
    subprocess.run([*launch, *rank], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=900)
    (training,) = Path(store).glob("pretrain/base/*/training.json")
    return losses(training.read_bytes())


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_the_api_server_takes_every_field(groups: Groups, prepare: Any, launcher: str) -> None:
    """Unknown fields are refused, and so are pods that do not meet the namespace's Pod Security."""
    for manifest in prepare(SHORT).manifests(groups.using(launcher)):
        command = [
            "kubectl",
            "-n",
            groups.cluster.namespace,
            "apply",
            "--dry-run=server",
            "--validate=strict",
            "-f",
            "-",
        ]
        checked = subprocess.run(command, input=yaml.safe_dump(manifest), capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        assert "Warning" not in checked.stderr


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_pods_train_as_one_process(groups: Groups, prepare: Any, one_process: list[float], launcher: str) -> None:
    prepared = prepare(SHORT)
    profile = groups.using(launcher)
    assert prepared.run(profile).status == "done"
    ours, expected = prepared.curve(), one_process
    difference = max(abs(one - two) for one, two in zip(ours, expected, strict=True))
    print(f"{launcher}: largest difference {difference:.2e}", file=sys.stderr)
    assert difference <= 1e-5
    name = prepared.manifests(profile)[0]["metadata"]["name"]
    assert groups.cluster.find(LAUNCHERS[launcher], name) is None, "what has done its work is removed"


@contextlib.contextmanager
def following(prepared: Prepared, profile: Profile) -> Iterator[Callable[[], NodeResult]]:
    """Launch from a thread; gives what waits for the result."""
    results: list[NodeResult | BaseException] = []

    def work() -> None:
        try:
            results.append(prepared.run(profile))
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def result() -> NodeResult:
        thread.join(900)
        assert not thread.is_alive(), "the launcher has not ended"
        if isinstance(results[0], BaseException):
            raise results[0]
        return results[0]

    yield result


def until(what: Callable[[], Any], seconds: float = 300) -> Any:
    """Ask until the answer is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.3)
    raise AssertionError("waited in vain")


def in_pod(groups: Groups, pod: str, code: str) -> str:
    """Run Python in a pod; what it prints, or nothing where the pod is not there (any more)."""
    command = ["kubectl", "-n", groups.cluster.namespace, "exec", pod, "--", "python3", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def running(groups: Groups, name: str, rank: int) -> str | None:
    """The running pod of a rank."""
    pods = groups.cluster.pods(f"{JOB_LABEL}={name},batch.kubernetes.io/job-completion-index={rank}")
    return next((pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") == "Running"), None)


CHECKPOINTS = (
    "import glob; print(*(p.split('/')[-2][5:] for p in glob.glob('/scratch/*/{}/phase-0/step-*/state.json')))"
)
KILL = """
import os, signal
for pid in filter(str.isdigit, os.listdir('/proc')):
    words = open(f'/proc/{pid}/cmdline', 'rb').read().split(b'\\0')
    if b'gmlm.kubernetes.launcher.rank' in words and b'--module' not in words:
        os.kill(int(pid), signal.SIGKILL)
        print(pid)
"""


def checkpoint(prepared: Prepared, pod: str | None) -> int:
    """Newest checkpoint that a pod sees."""
    settled = read_plan(open_store(prepared.store), prepared.plan).nodes[NODE]
    seen = in_pod(prepared.groups, pod, CHECKPOINTS.format(settled.prefix)).split() if pod else []
    return max(map(int, seen), default=0)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_killed_rank_restarts_the_group_which_resumes(
    groups: Groups, prepare: Any, two_ranks: list[float], launcher: str
) -> None:
    prepared, profile = prepare(LONG), groups.using(launcher)
    name = prepared.manifests(profile)[0]["metadata"]["name"]
    with following(prepared, profile) as result:
        until(lambda: checkpoint(prepared, running(groups, name, 0)))
        before, victim = checkpoint(prepared, running(groups, name, 0)), running(groups, name, 1)
        first = {pod["metadata"]["uid"] for pod in groups.cluster.pods(f"{JOB_LABEL}={name}")}
        assert in_pod(groups, str(victim), KILL).strip(), "there was a rank to kill"
        until(lambda: _replaced(groups, name, first))
        resumed = until(lambda: first_step(groups, running(groups, name, 0)))
        print(f"{launcher}: killed behind checkpoint {before}, went on with step {resumed}", file=sys.stderr)
        assert resumed > before, "it did not begin anew"
        assert restarts(groups, launcher, name) >= 1
        assert result().status == "done"
    assert prepared.curve() == two_ranks, "bit for bit"


def first_step(groups: Groups, pod: str | None) -> int:
    """The step that a pod has logged first; 0 before there is one."""
    for line in groups.cluster.tail(pod, 1000).splitlines() if pod else []:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return int(json.loads(line)["step"])
    return 0


def _replaced(groups: Groups, name: str, first: set[str]) -> bool:
    """Whether both pods are others than they were."""
    pods = [pod for pod in groups.cluster.pods(f"{JOB_LABEL}={name}") if pod["metadata"]["uid"] not in first]
    return len(pods) == 2 and all(pod["status"].get("phase") == "Running" for pod in pods)


def restarts(groups: Groups, launcher: str, name: str) -> int:
    """How often the group was started again."""
    if launcher == "job":
        job = groups.cluster.find("Job", name)
        return int(job["metadata"]["annotations"][RESTARTS_ANNOTATION]) if job else 0
    jobset = groups.cluster.find("JobSet", name)
    return int(jobset["status"].get("restarts", 0)) if jobset else 0


def test_an_evicted_pod_leaves_a_checkpoint_and_costs_no_restart(
    groups: Groups, prepare: Any, two_ranks: list[float]
) -> None:
    """SIGTERM: all ranks write a checkpoint together and end with the exit code that means "resume me"."""
    prepared, profile = prepare(LONG), groups.using("job", restarts=0)
    name = prepared.manifests(profile)[0]["metadata"]["name"]
    with following(prepared, profile) as result:
        until(lambda: checkpoint(prepared, running(groups, name, 0)))
        first = {pod["metadata"]["uid"] for pod in groups.cluster.pods(f"{JOB_LABEL}={name}")}
        command = ["kubectl", "-n", groups.cluster.namespace, "delete", "pod", str(running(groups, name, 1))]
        subprocess.run([*command, "--wait=false"], check=True)
        until(lambda: _replaced(groups, name, first))
        assert until(lambda: first_step(groups, running(groups, name, 0))) > EVERY, "it did not begin anew"
        assert restarts(groups, "job", name) == 0, "an interruption is no failure"
        assert result().status == "done"
    assert prepared.curve() == two_ranks, "bit for bit"


def test_a_launcher_that_died_finds_its_group_again(groups: Groups, prepare: Any, tmp_path: Path) -> None:
    prepared, profile = prepare(SHORT), groups.using("trainjob")
    (file := tmp_path / "profile.yaml").write_text(yaml.safe_dump(profile.model_dump(mode="json", exclude_unset=True)))
    name = prepared.manifests(profile)[0]["metadata"]["name"]
    code = "import sys; from gmlm.kubernetes.launcher.cli import app; app(sys.argv[1:])"
    options = ["--store", prepared.store, "--plan", prepared.plan, "--profile", str(file)]
    launch = [sys.executable, "-c", code, "launch", NODE, *options, "--namespace", groups.cluster.namespace]
    dying = subprocess.Popen(launch)
    made = until(lambda: groups.cluster.find("TrainJob", name))
    dying.kill()
    dying.wait()
    assert groups.cluster.find("TrainJob", name) is not None
    again = subprocess.run(launch, capture_output=True, text=True, check=False, timeout=600)
    assert again.returncode == 0, again.stderr
    assert "found the group that an earlier attempt has made" in again.stderr
    jobs = groups.cluster.pods(f"{JOB_LABEL}={name}")
    assert made["metadata"]["name"] == name
    assert jobs == []


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_the_reaper_removes_what_a_cancelled_run_has_left(groups: Groups, prepare: Any, launcher: str) -> None:
    prepared, profile = prepare(LONG), groups.using(launcher)
    run = uuid.uuid4().hex
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": f"run-{run[:8]}", "labels": {"pipeline/runid": run}},
        "spec": {"entrypoint": "x", "suspend": True, "templates": [{"name": "x", "suspend": {}}]},
        "status": {"phase": "Running"},
    }
    cluster = groups.cluster
    cluster.create(workflow)
    made = prepared.manifests(profile, run)
    kind, name = str(made[0]["kind"]), str(made[0]["metadata"]["name"])
    for manifest in made:
        cluster.create(manifest)
    until(lambda: running(groups, name, 0))
    assert reap(cluster) == [], "its run is under way"
    cluster.patch("Workflow", f"run-{run[:8]}", {"status": {"phase": "Failed"}})
    assert reap(cluster, dry_run=True) == [f"{kind}/{name}"]
    assert cluster.find(kind, name) is not None
    assert reap(cluster) == [f"{kind}/{name}"]
    until(lambda: cluster.find(kind, name) is None)
    until(lambda: not cluster.pods(f"{JOB_LABEL}={name}"))
    for manifest in made[1:]:  # without a launcher, nothing has made it the group's
        cluster.delete(manifest["kind"], name, seconds=30)
    cluster.delete("Workflow", f"run-{run[:8]}", seconds=30)


def test_what_lacks_the_labels_is_left_alone(groups: Groups) -> None:
    """An object that looks like ours, but was not made by the launcher."""
    run = uuid.uuid4().hex
    foreign = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"foreign-{run[:8]}", "labels": {RUN_LABEL: run, JOB_LABEL: f"foreign-{run[:8]}"}},
        "spec": {"suspend": True, "template": prepare_template(groups)},
    }
    groups.cluster.create(foreign)
    assert reap(groups.cluster, run=run) == []
    assert state_of(groups.cluster.find("Job", f"foreign-{run[:8]}") or {}).phase == "suspended"
    groups.cluster.delete("Job", f"foreign-{run[:8]}", seconds=30)


def prepare_template(groups: Groups) -> Object:
    """A pod that is never started."""
    return {"spec": {"restartPolicy": "Never", "containers": [{"name": "x", "image": groups.profile.image}]}}
