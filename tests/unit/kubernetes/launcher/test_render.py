"""What is rendered is known word for word, passes Pod Security, and the three kinds of groups run the same pods."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.errors import ConfigError
from gmlm.kubernetes.launcher.group import LONGEST_SECONDS, PodGroup
from gmlm.kubernetes.launcher.names import group_name
from gmlm.kubernetes.launcher.render import INTERRUPTED_AS_FAILURE, PATCHABLE, RESTART_RULES, render_group
from gmlm.kubernetes.profile import Profile, load_profile

GOLDEN = Path(__file__).with_name("golden")
RUNTIME = Path(__file__).parents[4] / "k8s" / "components" / "trainer-runtime" / "runtime.yaml"
Make = Callable[..., PodGroup]


def pod_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """The pod's spec of a Job or JobSet."""
    spec = manifest["spec"]
    job = spec["replicatedJobs"][0]["template"]["spec"] if manifest["kind"] == "JobSet" else spec
    found: dict[str, Any] = job["template"]["spec"]
    return found


@pytest.mark.parametrize("launcher", ["trainjob", "jobset", "job"])
def test_the_objects_are_those_that_were_looked_at(make_group: Make, launcher: str) -> None:
    """After a wanted change read the difference, then copy it into the golden file."""
    expected = list(yaml.safe_load_all((GOLDEN / f"{launcher}.yaml").read_text(encoding="utf-8")))
    assert render_group(make_group(launcher)) == expected


def test_a_trainjob_with_its_runtime_runs_the_pod_of_a_job(make_group: Make) -> None:
    """What a TrainJob cannot say, the runtime that we deploy says; nothing falls between them."""
    (job, _), (trainjob,) = render_group(make_group("job")), render_group(make_group("trainjob"))
    pod, runtime = pod_of(job), yaml.safe_load(RUNTIME.read_text())
    replicated = runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]
    patch = trainjob["spec"]["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"][0]
    pods = patch["template"]["spec"]["template"]
    ours, theirs = pods["spec"], replicated["template"]["spec"]
    for key in set(pod) - {"containers", "subdomain"}:
        assert (ours if key in PATCHABLE else theirs)[key] == pod[key], key
    container, trainer = pod["containers"][0], trainjob["spec"]["trainer"]
    assert ours["containers"][0]["volumeMounts"] == container["volumeMounts"]
    assert ours["containers"][0]["securityContext"] == container["securityContext"]
    assert (trainer["image"], trainer["command"], trainer["resourcesPerNode"]) == (
        container["image"],
        container["command"],
        container["resources"],
    )
    assert trainer["env"] == [item for item in container["env"] if not item["name"].startswith("PET_")]
    assert pods["metadata"] == job["spec"]["template"]["metadata"]
    assert replicated["podFailurePolicy"] == job["spec"]["podFailurePolicy"] == INTERRUPTED_AS_FAILURE
    assert replicated["backoffLimit"] == job["spec"]["backoffLimit"] == 0
    assert runtime["spec"]["template"]["spec"]["failurePolicy"]["rules"] == RESTART_RULES


@pytest.mark.parametrize("launcher", ["jobset", "job"])
def test_a_pod_meets_the_restricted_pod_security_standard(make_group: Make, launcher: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    pod = pod_of(render_group(make_group(launcher))[0])
    (container,) = pod["containers"]
    security = container["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is security["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["readOnlyRootFilesystem"] is True
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert {next(key for key in volume if key != "name") for volume in pod["volumes"]} <= {
        "emptyDir",
        "persistentVolumeClaim",
    }
    assert pod["automountServiceAccountToken"] is False


@pytest.mark.parametrize("claim", ["gmlm-scratch", None])
def test_every_mount_has_its_volume(claim: str | None, make_group: Make) -> None:
    group = make_group("job", scratch_claim=claim)
    pod = pod_of(render_group(group)[0])
    (scratch,) = (volume for volume in pod["volumes"] if volume["name"] == "scratch")
    assert ("persistentVolumeClaim" in scratch, "emptyDir" in scratch) == (claim is not None, claim is None)
    names = [volume["name"] for volume in pod["volumes"]]
    assert [mount["name"] for mount in pod["containers"][0]["volumeMounts"]] == names
    assert len(set(names)) == len(names)


def test_shared_memory_is_memory_even_where_the_profile_names_no_size(make_group: Make, profile: Profile) -> None:
    """A container's own 64 MiB break collectives between the ranks of a pod."""
    settings = profile.settings("pretrain").model_copy(update={"shared_memory": None})
    group = make_group("job", of=profile.model_copy(update={"overrides": {"pretrain": settings}}))
    volumes = {volume["name"]: volume for volume in pod_of(render_group(group)[0])["volumes"]}
    assert volumes["shared-memory"]["emptyDir"] == {"medium": "Memory"}


def test_credentials_are_references(make_group: Make) -> None:
    text = yaml.safe_dump_all(render_group(make_group("trainjob")))
    assert "secretKeyRef" in text
    (trainjob,) = render_group(make_group("trainjob"))
    variables = {item["name"]: item for item in trainjob["spec"]["trainer"]["env"]}
    assert "value" not in variables["AWS_SECRET_ACCESS_KEY"]
    assert variables["AWS_ENDPOINT_URL"]["valueFrom"]["configMapKeyRef"]["optional"] is True


@pytest.mark.parametrize("launcher", ["trainjob", "jobset", "job"])
def test_the_queue_is_on_the_group_and_not_on_its_pods(make_group: Make, launcher: str) -> None:
    """Kueue admits the group as a whole; pods with the label would be admitted one by one."""
    group, *others = render_group(make_group(launcher))
    assert group["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gmlm-gpu"
    without = yaml.safe_dump({**group, "metadata": {}}) + yaml.safe_dump_all(others)
    assert "kueue" not in without


def test_prometheus_finds_the_pods_by_label_and_port(make_group: Make) -> None:
    job = render_group(make_group("job"))[0]
    template = job["spec"]["template"]
    assert template["metadata"]["labels"]["gmlm/metrics"] == "true"
    assert {"name": "metrics", "containerPort": 9464} in template["spec"]["containers"][0]["ports"]


def test_the_port_of_metrics_is_the_profiles(make_group: Make, profile: Profile) -> None:
    other = profile.model_copy(update={"environment": {"GMLM_METRICS_PORT": "9999"}})
    (container,) = pod_of(render_group(make_group("job", of=other))[0])["containers"]
    assert {"name": "GMLM_METRICS_PORT", "value": "9999"} in container["env"]
    assert container["ports"][0] == {"name": "metrics", "containerPort": 9999}


def test_pods_of_a_job_find_rank_0_by_the_service(make_group: Make) -> None:
    job, service = render_group(make_group("job"))
    name = job["metadata"]["name"]
    variables = {item["name"]: item.get("value") for item in pod_of(job)["containers"][0]["env"]}
    assert variables["PET_MASTER_ADDR"] == f"{name}-0.{name}"
    assert (service["spec"]["clusterIP"], pod_of(job)["subdomain"]) == ("None", service["metadata"]["name"])
    selector = service["spec"]["selector"].items()
    assert selector <= job["spec"]["template"]["metadata"]["labels"].items()


def test_without_a_timeout_there_is_a_deadline_all_the_same(make_group: Make, profile: Profile) -> None:
    settings = profile.settings("pretrain").model_copy(update={"timeout": None})
    group = make_group("trainjob", of=profile.model_copy(update={"overrides": {"pretrain": settings}}))
    assert render_group(group)[0]["spec"]["activeDeadlineSeconds"] == LONGEST_SECONDS


def test_the_user_may_be_left_to_the_image_or_the_platform(make_group: Make, profile: Profile) -> None:
    pod = pod_of(render_group(make_group("job", of=profile.model_copy(update={"user": None})))[0])
    assert set(pod["securityContext"]) == {"runAsNonRoot", "seccompProfile"}


def test_the_last_checkpoint_has_time_before_the_pod_is_killed(make_group: Make) -> None:
    pod = pod_of(render_group(make_group("job", grace_seconds=60))[0])
    variables = {item["name"]: item.get("value") for item in pod["containers"][0]["env"]}
    assert int(variables["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"]) < pod["terminationGracePeriodSeconds"] == 60


def test_the_name_follows_from_the_work_and_fits_host_names() -> None:
    one = group_name("s3://b/x", "paper", "pretrain/continued", "f" * 64)
    assert one == group_name("s3://b/x", "paper", "pretrain/continued", "f" * 64)
    others = [
        group_name("s3://b/y", "paper", "pretrain/continued", "f" * 64),
        group_name("s3://b/x", "other", "pretrain/continued", "f" * 64),
        group_name("s3://b/x", "paper", "pretrain/Continued", "f" * 64),
        group_name("s3://b/x", "paper", "pretrain/continued", "e" * 64),
    ]
    assert len({one, *others}) == 5
    long = group_name("s3://b/x", "paper", "pretrain/" + "Über_lang." * 20, "f" * 64)
    assert len(f"{long}-node-0-0") <= 63
    assert long.replace("-", "").isalnum()
    assert long.islower()


def test_a_profile_without_groups_is_told() -> None:
    group = PodGroup("x", (), load_profile("smoke-cpu"))
    with pytest.raises(ConfigError, match="smoke-cpu: the profile has no multi_node"):
        render_group(group)
