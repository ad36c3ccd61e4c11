"""A node is said to do exactly where the scheduler would bind a pod to it, were it empty."""

from __future__ import annotations

from typing import Any

import pytest

from gmlm.kubernetes.doctor.nodes import check_nodes, why_none
from gmlm.kubernetes.profile import TaskSettings

GPU = "nvidia.com/gpu"
TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}


def settings(**given: Any) -> TaskSettings:
    return TaskSettings.model_validate({"cpu": "1", "memory": "1Gi", **given})


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ({"cpu": "500m"}, {"cpu": "500m"}),
        ({"cpu": "2"}, {"cpu": "2000m"}),
        ({"memory": "1Gi"}, {"memory": "1048576Ki"}),
        ({"memory": "1G"}, {"memory": "1Gi"}),
        ({"accelerator": GPU, "accelerators": 8}, {"nvidia.com__gpu": "8"}),
        ({"node_selector": {"zone": "a"}}, {"labels": {"zone": "a"}}),
        ({"accelerator": GPU, "accelerators": 0}, {}),
    ],
)
def test_it_fits(node: Any, wanted: dict[str, Any], there: dict[str, Any]) -> None:
    assert why_none(settings(**wanted), [node(**there)]) is None


@pytest.mark.parametrize(
    ("wanted", "there", "reason"),
    [
        ({"cpu": "2"}, {"cpu": "1999m"}, "has cpu 1999m of 2"),
        ({"memory": "1Gi"}, {"memory": "1G"}, "has memory 1G of 1Gi"),
        ({"accelerator": GPU, "accelerators": 1}, {}, f"has {GPU} 0 of 1"),
        ({"node_selector": {"zone": "a"}}, {"labels": {"zone": "b"}}, "lacks the label zone=a"),
        ({}, {"taints": [TAINT]}, f"has the taint {GPU}:NoSchedule"),
        ({}, {"unschedulable": True}, "is cordoned"),
    ],
)
def test_it_does_not_fit_and_says_why(node: Any, wanted: dict[str, Any], there: dict[str, Any], reason: str) -> None:
    assert why_none(settings(**wanted), [node(**there)]) == f"0 of 1 nodes will do: 1 {reason}"


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"key": GPU, "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"key": GPU, "operator": "Exists", "effect": "NoSchedule"}, True),
        ({"key": GPU, "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": GPU, "operator": "Equal", "value": "present"}, True),
        ({"key": GPU, "operator": "Equal", "value": "other"}, False),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_tolerations_count_as_for_the_scheduler(node: Any, toleration: dict[str, str], tolerated: bool) -> None:
    assert (why_none(settings(tolerations=[toleration]), [node(taints=[TAINT])]) is None) == tolerated


def test_a_taint_that_only_advises_keeps_nobody_away(node: Any) -> None:
    assert why_none(settings(), [node(taints=[{"key": "k", "effect": "PreferNoSchedule"}])]) is None


def test_reasons_are_counted(node: Any) -> None:
    nodes = [node(cpu="1"), node(cpu="1"), node(unschedulable=True)]
    assert why_none(settings(cpu="2"), nodes) == "0 of 3 nodes will do: 2 has cpu 1 of 2; 1 is cordoned"


def test_one_node_that_fits_is_enough(node: Any) -> None:
    assert why_none(settings(cpu="2"), [node(cpu="1"), node(cpu="2")]) is None


PROFILE = "{tasks: {cpu: '1'}, overrides: {pretrain: {cpu: '8'}, finetune_cell: {cpu: '8'}}}"


def test_tasks_that_ask_for_the_same_share_a_line(profile: Any, api: Any, node: Any) -> None:
    api.objects["/api/v1/nodes"] = {"items": [node(cpu="4")]}
    (finding,) = check_nodes(profile(PROFILE), api)
    assert (str(finding.verdict), finding.subject) == ("fail", "nodes for pretrain, finetune_cell")


def test_where_all_fit_one_line_says_so(profile: Any, api: Any, node: Any) -> None:
    api.objects["/api/v1/nodes"] = {"items": [node(cpu="8")]}
    (finding,) = check_nodes(profile(PROFILE), api)
    assert (str(finding.verdict), finding.what) == ("ok", "every task fits on one of 1")


@pytest.mark.parametrize(
    "path", ["/apis/karpenter.sh", "/api/v1/namespaces/kube-system/configmaps/cluster-autoscaler-status"]
)
def test_a_cluster_that_adds_nodes_gets_a_warning(profile: Any, api: Any, path: str) -> None:
    api.objects |= {"/api/v1/nodes": {"items": []}, path: {}}
    assert {str(finding.verdict) for finding in check_nodes(profile(PROFILE), api)} == {"warn"}


def test_nodes_that_may_not_be_listed_are_a_warning(profile: Any, api: Any) -> None:
    api.hidden.add("/api/v1/nodes")
    assert [str(finding.verdict) for finding in check_nodes(profile(), api)] == ["warn"]


def test_the_launcher_is_asked_for_only_where_it_runs(profile: Any, api: Any, node: Any) -> None:
    api.objects["/api/v1/nodes"] = {"items": [node(cpu="4")]}
    text = "{overrides: {pretrain_trainjob: {cpu: '9'}}%s}"
    assert [str(it.verdict) for it in check_nodes(profile(text % ""), api)] == ["ok"]
    multi_node = profile(text % ", multi_node: {scratch_claim: c}")
    assert [it.subject for it in check_nodes(multi_node, api)] == ["nodes for pretrain_trainjob"]
