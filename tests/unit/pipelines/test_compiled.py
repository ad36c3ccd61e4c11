"""What a compiled pipeline asks of a cluster is what its profile says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.config import load_study
from gmlm.kubernetes.planning import fit_profile
from gmlm.kubernetes.profile import Profile, TaskSettings, VolumeMount, load_profile, profile_names
from pipelines.compiling import PIPELINES, compile_pipelines

IMAGE = "registry.example/gmlm@sha256:" + "a" * 64


def compiled(name: str, profile: Profile, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Pipeline and platform documents of a compiled pipeline."""
    (file,) = compile_pipelines([name], [profile], folder)
    spec, platform = yaml.safe_load_all(file.read_text())
    return spec, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def tasks(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All tasks of all graphs of a pipeline."""
    for component in [{"dag": spec["root"]["dag"]}, *spec["components"].values()]:
        yield from component.get("dag", {}).get("tasks", {}).values()


@pytest.mark.parametrize("profile", profile_names())
@pytest.mark.parametrize("name", PIPELINES)
def test_every_pipeline_compiles_for_every_profile(name: str, profile: str, tmp_path: Path) -> None:
    spec, executors = compiled(name, load_profile(profile, image=IMAGE), tmp_path)
    assert set(spec["root"]["inputDefinitions"]["parameters"]) == {"study", "store", "study_folder"}
    assert set(executors) == set(spec["deploymentSpec"]["executors"])
    for executor in spec["deploymentSpec"]["executors"].values():
        assert executor["container"]["image"] == IMAGE
        assert "pip install" not in " ".join(executor["container"]["command"])
    for task in tasks(spec):
        assert not task.get("cachingOptions", {}).get("enableCache"), "the store knows what is finished"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    return compiled("study", load_profile("single-gpu", image=IMAGE), tmp_path_factory.mktemp("compiled"))


def _of(executors: dict[str, Any], name: str) -> list[Any]:
    found = [value for key, value in executors.items() if key.startswith(f"exec-{name}")]
    assert found
    return found


def test_a_gpu_task_asks_for_gpu_queue_and_shared_memory(study: Any) -> None:
    spec, executors = study
    for platform in _of(executors, "finetune-cell"):
        assert platform["podMetadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gmlm-gpu"
        assert platform["tolerations"][0]["key"] == "nvidia.com/gpu"
        (shared,) = platform["emptyDirMounts"]
        assert (shared["mountPath"], shared["medium"], shared["sizeLimit"]) == ("/dev/shm", "Memory", "16Gi")
    for executor in _of(spec["deploymentSpec"]["executors"], "finetune-cell"):
        assert executor["container"]["resources"]["accelerator"]["resourceType"] == "nvidia.com/gpu"


def test_a_task_that_only_chooses_asks_for_no_gpu_and_no_queue(study: Any) -> None:
    spec, executors = study
    for platform in _of(executors, "select-nodes"):
        assert "kueue.x-k8s.io/queue-name" not in platform["podMetadata"]["labels"]
        assert "emptyDirMounts" not in platform
    for executor in _of(spec["deploymentSpec"]["executors"], "select-nodes"):
        assert "accelerator" not in executor["container"]["resources"]


def test_credentials_come_from_secrets_and_never_stand_in_the_pipeline(study: Any) -> None:
    _, executors = study
    for platform in executors.values():
        variables = [item["envVar"] for secret in platform["secretAsEnv"] for item in secret["keyToEnv"]]
        assert "AWS_SECRET_ACCESS_KEY" in variables


def test_work_is_tried_again_with_growing_waits_and_a_check_is_not(study: Any) -> None:
    spec, _ = study
    by_name = {task["componentRef"]["name"]: task for task in tasks(spec)}
    retry = by_name["comp-finetune-cell"]["retryPolicy"]
    assert (retry["maxRetryCount"], retry["backoffDuration"]) == (4, "30s")
    assert "retryPolicy" not in by_name["comp-check-study"]


def test_the_comparison_runs_whatever_became_of_cells(study: Any) -> None:
    spec, _ = study
    by_name = {task["componentRef"]["name"]: task for task in tasks(spec)}
    for name in ("comp-evaluate", "comp-report", "comp-check-study"):
        assert by_name[name]["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"


def test_more_rounds_train_more_generations_of_models(tmp_path: Path) -> None:
    profile = load_profile("smoke-cpu")
    counts = []
    for rounds in (1, 3):
        spec, _ = compiled("study", profile.model_copy(update={"rounds": rounds}), tmp_path)
        names = [task["componentRef"]["name"] for task in tasks(spec)]
        counts.append(len([name for name in names if re.fullmatch(r"comp-pretraining(-\d+)?", name)]))
    assert (counts[0], counts[1]) == (1, 3)


def test_a_pipeline_for_one_study_has_no_steps_of_stages_that_it_lacks(stub_study: Path, tmp_path: Path) -> None:
    profile = fit_profile(load_profile("smoke-cpu"), load_study(stub_study))
    spec, _ = compiled("study", profile, tmp_path)
    names = {re.sub(r"-\d+$", "", task["componentRef"]["name"]) for task in tasks(spec)}
    assert {"comp-ingest", "comp-build-corpus", "comp-pretrain", "comp-finetune-cell", "comp-report"} <= names
    assert not names & {"comp-translate", "comp-translate-shard", "comp-plan-shards", "comp-floors"}


def test_no_graph_has_more_tasks_than_the_oldest_backend_finds(tmp_path: Path) -> None:
    spec, _ = compiled("study", load_profile("smoke-cpu").model_copy(update={"rounds": 6}), tmp_path)
    graphs = [component["dag"]["tasks"] for component in spec["components"].values() if "dag" in component]
    assert max(map(len, graphs)) <= 20


def test_an_exit_handler_can_be_replaced_by_a_task_in_line(tmp_path: Path) -> None:
    profile = load_profile("smoke-cpu").model_copy(update={"exit_handler": False})
    spec, _ = compiled("study", profile, tmp_path)
    root = spec["root"]["dag"]["tasks"]
    assert set(root) == {"plan-study", "phases", "notify-exit", "check-study"}
    assert set(root["notify-exit"]["dependentTasks"]) == {"plan-study", "phases"}
    assert "notify-exit" in root["check-study"]["dependentTasks"]


def test_a_volume_and_a_user_reach_every_pod(tmp_path: Path) -> None:
    mount = VolumeMount(claim="inputs", path="/inputs", sub_path="en")
    profile = load_profile("smoke-cpu").model_copy(update={"volumes": (mount,), "user": 1000})
    _, executors = compiled("translate_corpus", profile, tmp_path)
    for platform in executors.values():
        (volume,) = platform["pvcMount"]
        assert (volume["mountPath"], volume["subPath"]) == ("/inputs", "en")
        assert int(platform["securityContext"]["runAsUser"]) == 1000


@pytest.mark.parametrize(("limit", "allowed"), [(None, "300m"), ("2", "2")])
def test_a_pod_may_be_allowed_more_than_it_requests(limit: str | None, allowed: str, tmp_path: Path) -> None:
    tasks = TaskSettings(cpu="300m", cpu_limit=limit)
    spec, _ = compiled("translate_corpus", load_profile("smoke-cpu").model_copy(update={"tasks": tasks}), tmp_path)
    for executor in _of(spec["deploymentSpec"]["executors"], "translate-shard"):
        amounts = executor["container"]["resources"]
        assert (amounts["resourceCpuRequest"], amounts["resourceCpuLimit"]) == ("300m", allowed)


@pytest.mark.parametrize("profile", profile_names())
def test_no_pod_may_start_as_root(profile: str, tmp_path: Path) -> None:
    _, executors = compiled("study", load_profile(profile), tmp_path)
    assert {platform["securityContext"]["runAsNonRoot"] for platform in executors.values()} == {True}
    assert not [platform for platform in executors.values() if "runAsUser" in platform["securityContext"]]


def test_an_image_that_runs_as_root_can_be_allowed_to(tmp_path: Path) -> None:
    profile = load_profile("smoke-cpu").model_copy(update={"non_root": False, "group": 1000})
    _, executors = compiled("translate_corpus", profile, tmp_path)
    contexts = [platform["securityContext"] for platform in executors.values()]
    assert {"runAsNonRoot" in context for context in contexts} == {False}
    assert {int(context["runAsGroup"]) for context in contexts} == {1000}


def test_a_profile_with_groups_launches_them_and_tells_them_its_settings(tmp_path: Path) -> None:
    profile = load_profile("multi-node", image=IMAGE)
    spec, executors = compiled("continue_pretraining", profile, tmp_path)
    names = {task["componentRef"]["name"] for task in tasks(spec)}
    assert "comp-pretrain-trainjob" in names
    assert "comp-pretrain" not in names
    launch = next(task for task in tasks(spec) if task["componentRef"]["name"] == "comp-pretrain-trainjob")
    given = Profile.model_validate_json(launch["inputs"]["parameters"]["profile"]["runtimeValue"]["constant"])
    assert given == profile
    assert given.settings("pretrain") == profile.settings("pretrain")
    for platform in _of(executors, "pretrain-trainjob"):
        assert "kueue.x-k8s.io/queue-name" not in platform["podMetadata"]["labels"], "the queue is the group's"
    for executor in _of(spec["deploymentSpec"]["executors"], "pretrain-trainjob"):
        assert "accelerator" not in executor["container"]["resources"]


def test_without_groups_one_pod_trains(tmp_path: Path) -> None:
    spec, _ = compiled("continue_pretraining", load_profile("single-gpu", image=IMAGE), tmp_path)
    names = {task["componentRef"]["name"] for task in tasks(spec)}
    assert "comp-pretrain" in names
    assert "comp-pretrain-trainjob" not in names
