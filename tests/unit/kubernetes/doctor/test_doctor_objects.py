"""What a profile names is there, or the line says what to make."""

from __future__ import annotations

from typing import Any

import pytest

from gmlm.kubernetes.doctor.objects import check_image, check_objects

HOME = "/api/v1/namespaces/team"
SECRET = "secrets: [{name: store, variables: {AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: key}}]"
OPTIONAL = "config_maps: [{name: store, variables: {AWS_REGION: region}, optional: true}]"


def found(profile: Any, api: Any) -> list[tuple[str, str, str]]:
    return [(str(it.verdict), it.subject, it.what) for it in check_objects(profile, api)]


def test_a_secret_with_its_keys_is_fine(profile: Any, api: Any) -> None:
    api.objects[f"{HOME}/secrets/store"] = {"data": {"id": "eA==", "key": "eA=="}}
    assert found(profile(SECRET), api) == [("ok", "secret store", "is there with its keys")]


def test_a_missing_secret_fails_and_names_its_keys(profile: Any, api: Any) -> None:
    (finding,) = check_objects(profile(SECRET), api)
    assert (str(finding.verdict), finding.what) == ("fail", "is missing in team")
    assert "id, key" in finding.fix


def test_a_secret_without_a_key_fails_and_shows_no_value(profile: Any, api: Any) -> None:
    api.objects[f"{HOME}/secrets/store"] = {"data": {"id": "c2VjcmV0"}}
    (finding,) = check_objects(profile(SECRET), api)
    assert str(finding.verdict) == "fail"
    assert finding.what == "lacks the keys key"
    assert "c2VjcmV0" not in str(finding)


def test_a_secret_that_may_not_be_read_is_a_warning(profile: Any, api: Any) -> None:
    api.hidden.add(f"{HOME}/secrets/store")
    assert [line[:2] for line in found(profile(SECRET), api)] == [("warn", "secret store")]


def test_an_optional_config_map_may_be_missing_but_not_half_there(profile: Any, api: Any) -> None:
    assert found(profile(OPTIONAL), api) == []
    api.objects[f"{HOME}/configmaps/store"] = {}
    assert found(profile(OPTIONAL), api) == [("warn", "configmap store", "lacks the keys region")]


def test_pull_secrets_are_checked_for_what_a_node_reads(profile: Any, api: Any) -> None:
    wanted = profile("image_pull_secrets: [registry]")
    assert [line[:2] for line in found(wanted, api)] == [("fail", "secret registry")]
    api.objects[f"{HOME}/secrets/registry"] = {"data": {".dockerconfigjson": "eA=="}}
    assert [line[:2] for line in found(wanted, api)] == [("ok", "secret registry")]


@pytest.mark.parametrize(
    ("nodes", "modes", "verdict"),
    [(2, ["ReadWriteMany"], "ok"), (2, ["ReadWriteOnce"], "fail"), (1, ["ReadWriteOnce"], "ok"), (2, None, "fail")],
)
def test_several_nodes_need_a_claim_that_all_mount(
    profile: Any, api: Any, nodes: int, modes: list[str] | None, verdict: str
) -> None:
    if modes is not None:
        api.objects[f"{HOME}/persistentvolumeclaims/scratch"] = {"spec": {"accessModes": modes}}
    wanted = profile(f"multi_node: {{nodes: {nodes}, scratch_claim: scratch, launcher: job}}")
    assert [line[:2] for line in found(wanted, api)] == [(verdict, "claim scratch")]


def test_a_volume_is_checked_once_however_many_mount_it(profile: Any, api: Any) -> None:
    wanted = profile("volumes: [{claim: data, path: /a}, {claim: data, path: /b}]")
    assert [line[:2] for line in found(wanted, api)] == [("fail", "claim data")]


def test_a_digest_is_fine_and_a_tag_is_a_warning(profile: Any) -> None:
    assert [str(it.verdict) for it in check_image(profile(), None)] == ["ok"]
    assert [str(it.verdict) for it in check_image(profile("image: gmlm:1"), None)] == ["warn"]


@pytest.mark.parametrize("name", ["gmlm:1", "docker.io/library/gmlm:1"])
def test_an_image_that_none_may_pull_must_be_on_a_node(profile: Any, api: Any, name: str) -> None:
    wanted = profile("{image: 'gmlm:1', image_pull_policy: Never}")
    api.objects["/api/v1/nodes"] = {"items": [{"status": {"images": [{"names": ["pause:3"]}, {}]}}]}
    assert "no node reports gmlm:1" in list(check_image(wanted, api))[-1].what
    api.objects["/api/v1/nodes"]["items"][0]["status"]["images"].append({"names": [name]})
    assert len(list(check_image(wanted, api))) == 1
