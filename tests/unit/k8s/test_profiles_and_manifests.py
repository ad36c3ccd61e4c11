"""What profiles name, the manifests have: queues, Secrets, claims, runtimes, addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from gmlm.kubernetes.launcher.names import MANAGED_BY
from gmlm.kubernetes.profile import Profile, load_profile, profile_names
from gmlm.telemetry.exporting import PORT_VARIABLE

Documents = list[tuple[str, dict[str, Any]]]


def names(documents: Documents, *kinds: str) -> set[str]:
    return {item["metadata"]["name"] for _, item in documents if item.get("kind") in kinds and "metadata" in item}


@pytest.fixture(params=profile_names())
def profile(request: pytest.FixtureRequest) -> Profile:
    return load_profile(request.param)


def test_every_queue_is_there(documents: Documents, profile: Profile) -> None:
    tasks = [profile.tasks, *profile.overrides.values()]
    queues = {task.queue for task in tasks if task.queue is not None}
    assert queues <= names(documents, "LocalQueue")


def test_every_secret_comes_from_somewhere_with_the_same_keys(documents: Documents, profile: Profile) -> None:
    external = {
        item["spec"]["target"]["name"]: {entry["secretKey"] for entry in item["spec"]["data"]}
        for _, item in documents
        if item.get("kind") == "ExternalSecret"
    }
    for secret in profile.secrets:
        assert set(secret.variables.values()) <= external[secret.name]


def test_the_settings_of_the_store_have_the_keys_that_pods_read(documents: Documents, profile: Profile) -> None:
    settings = [
        item["data"]
        for _, item in documents
        if item.get("metadata", {}).get("name") == "gmlm-store" and item["kind"] == "ConfigMap"
    ]
    for config_map in profile.config_maps:
        assert config_map.name == "gmlm-store"
        for data in settings:
            assert set(data) <= set(config_map.variables.values())


def test_claim_and_runtime_of_training_over_several_nodes_are_there(documents: Documents) -> None:
    multi_node = load_profile("multi-node").multi_node
    assert multi_node is not None
    assert multi_node.scratch_claim in names(documents, "PersistentVolumeClaim")
    assert multi_node.runtime in names(documents, multi_node.runtime_kind)


def test_the_pushgateway_is_where_profiles_say(documents: Documents, profile: Profile) -> None:
    address = profile.environment.get("GMLM_PUSHGATEWAY")
    if address is not None:
        found = urlsplit(address)
        assert found.hostname == "gmlm-pushgateway.gmlm"
        (service,) = [
            item
            for _, item in documents
            if item.get("kind") == "Service" and item["metadata"]["name"] == "gmlm-pushgateway"
        ]
        assert found.port == service["spec"]["ports"][0]["port"]


def test_the_port_of_metrics_is_open_to_prometheus(documents: Documents) -> None:
    port = int(load_profile("multi-node").environment[PORT_VARIABLE])
    (policy,) = [item for _, item in documents if item.get("metadata", {}).get("name") == "allow-prometheus"]
    assert policy["spec"]["ingress"][0]["ports"] == [{"port": port, "protocol": "TCP"}]


@pytest.mark.parametrize("role", ["gmlm-launcher", "gmlm-reaper"])
def test_a_single_user_installation_grants_the_same_rights(documents: Documents, role: str) -> None:
    rules = {
        item["metadata"]["namespace"]: item["rules"]
        for _, item in documents
        if item.get("kind") == "Role" and item["metadata"]["name"] == role
    }
    assert set(rules) == {"gmlm", "kubeflow"}
    assert rules["gmlm"] == rules["kubeflow"]


def test_the_reaper_may_do_what_its_code_does_and_no_more(documents: Documents) -> None:
    from gmlm.kubernetes.launcher.cluster import PATHS
    from gmlm.kubernetes.launcher.reap import KINDS

    (role,) = [
        item
        for _, item in documents
        if item.get("kind") == "Role"
        and (item["metadata"]["name"], item["metadata"]["namespace"]) == ("gmlm-reaper", "gmlm")
    ]
    granted = {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    resources = {kind: path.rpartition("/")[2] for kind, path in PATHS.items()}
    needed = {(resources[kind], verb) for kind in KINDS for verb in ("list", "delete")}
    assert granted == needed | {(resources["Workflow"], "list")}


def test_all_that_the_launcher_makes_carries_the_label_of_the_platform() -> None:
    assert MANAGED_BY["app.kubernetes.io/part-of"] == "gmlm"


def test_the_reapers_command_exists(k8s: Path) -> None:
    from typer.testing import CliRunner

    from gmlm.cli import app

    cronjob = yaml.safe_load((k8s / "base" / "reaper.yaml").read_text())
    (container,) = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["command"][:3] == ["python3", "-m", "gmlm"]
    standalone = ["--namespace", "kubeflow"]
    result = CliRunner().invoke(app, [*container["command"][3:], *standalone, "--help"])
    assert result.exit_code == 0, result.output
