"""What a pod of a pipeline can reach in each overlay, computed from the rendered policies by their semantics.

The rules are those of the NetworkPolicy API (Kubernetes 1.34, networking.k8s.io/v1): a pod that some policy selects for
a direction may do what the union of all such policies allows, and one that none selects may do all. This is an audit of
the objects; that a network enforces them is the cluster's part.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.kubernetes.profile import load_profile

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
OVERLAYS = ("kind", "single-gpu", "multi-node", "openshift")
WITH_OWN_STORE = {"kind"}
Policies = Sequence[Mapping[str, Any]]
Labels = Mapping[str, str]
NAME = "app.kubernetes.io/name"
PORTS = (22, 25, 53, 80, 443, 3128, 3306, 5353, 5432, 6443, 8080, 8333, 8443, 8887, 8888, 9000, 9090, 9091, 9464, 10250)


@dataclass(frozen=True)
class Place:
    """A pod in a namespace, or, without a namespace, a machine with an address."""

    labels: Labels = field(default_factory=dict)
    namespace: str | None = None
    address: str | None = None


PIPELINE_POD = Place(
    {
        "workflows.argoproj.io/workflow": "study-1",
        "pipeline/runid": "r1",
        "pipelines.kubeflow.org/v2_component": "true",
        **load_profile("single-gpu").settings("pretrain").labels,
    },
    "gmlm",
)
TRAINING_POD = Place({"batch.kubernetes.io/job-completion-index": "0", "batch.kubernetes.io/job-name": "t"}, "gmlm")
PLACES = {
    "dns": Place({"k8s-app": "kube-dns"}, "kube-system"),
    "dns of OpenShift": Place({"dns.operator.openshift.io/daemonset-dns": "default"}, "openshift-dns"),
    "another pod of kube-system": Place({"k8s-app": "other"}, "kube-system"),
    "store": Place({NAME: "gmlm-s3"}, "gmlm"),
    "pushgateway": Place({NAME: "gmlm-pushgateway"}, "gmlm"),
    "kubeflow": Place({"app": "ml-pipeline"}, "kubeflow"),
    "another run's pod": Place({"workflows.argoproj.io/workflow": "study-2"}, "gmlm"),
    "another namespace": Place({"app": "web"}, "default"),
    "private address": Place(address="10.96.0.1"),
    "private address of IPv6": Place(address="fd00::1"),
    "public address": Place(address="203.0.113.7"),
    "public address of IPv6": Place(address="2001:db8::7"),
    "cloud's metadata": Place(address="169.254.169.254"),
}


def selects(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """A label selector; an empty one selects all."""
    operators = {
        "In": lambda key, values: labels.get(key) in values,
        "NotIn": lambda key, values: labels.get(key) not in values,
        "Exists": lambda key, values: key in labels,
        "DoesNotExist": lambda key, values: key not in labels,
    }
    selector = selector or {}
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        operators[each["operator"]](each["key"], each.get("values", ()))
        for each in selector.get("matchExpressions", ())
    )


def selecting(policies: Policies, pod: Place, direction: str) -> list[Mapping[str, Any]]:
    """The policies that isolate a pod in a direction."""
    return [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == pod.namespace
        and direction in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], pod.labels)
    ]


def reaches(policies: Policies, pod: Place, target: Place, port: int, protocol: str = "TCP") -> bool:
    """Whether policies let a pod open a connection: its own egress, and, within their namespaces, the other's ingress.

    A peer that is a pod is matched by its labels; an address by blocks of addresses.
    """
    return _lets(policies, pod, target, port, protocol, "Egress", "to") and (
        target.namespace is None or _lets(policies, target, pod, port, protocol, "Ingress", "from")
    )


def _lets(policies: Policies, pod: Place, peer: Place, port: int, protocol: str, direction: str, side: str) -> bool:
    chosen = selecting(policies, pod, direction)
    rules = [(policy, rule) for policy in chosen for rule in policy["spec"].get(direction.lower()) or ()]
    return not chosen or any(
        _port(rule.get("ports"), port, protocol) and _peer(rule.get(side), peer, policy["metadata"]["namespace"])
        for policy, rule in rules
    )


def _port(ports: Sequence[Mapping[str, Any]] | None, port: int, protocol: str) -> bool:
    return not ports or any(
        each.get("protocol", "TCP") == protocol
        and ("port" not in each or each["port"] <= port <= each.get("endPort", each["port"]))
        for each in ports
    )


def _peer(peers: Sequence[Mapping[str, Any]] | None, place: Place, home: str) -> bool:
    return not peers or any(_matches(peer, place, home) for peer in peers)


def _matches(peer: Mapping[str, Any], place: Place, home: str) -> bool:
    if "ipBlock" in peer:
        return place.address is not None and _in_block(peer["ipBlock"], place.address)
    if place.namespace is None:
        return False
    within = (
        selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": place.namespace})
        if "namespaceSelector" in peer
        else place.namespace == home
    )
    return within and selects(peer.get("podSelector"), place.labels)


def _in_block(block: Mapping[str, Any], address: str) -> bool:
    found = ip_address(address)
    return found in ip_network(block["cidr"]) and not any(found in ip_network(each) for each in block.get("except", ()))


def reachable(policies: Policies, pod: Place) -> dict[str, set[str]]:
    """All that a pod can reach of the places and ports above, by place: `TCP 443` and so on."""
    found: dict[str, set[str]] = {}
    for (name, place), port, protocol in product(PLACES.items(), PORTS, ("TCP", "UDP")):
        if reaches(policies, pod, place, port, protocol):
            found.setdefault(name, set()).add(f"{protocol} {port}")
    return found


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[dict[str, Any]]]:
    kubectl = shutil.which("kubectl")
    assert kubectl, "kubectl is not on PATH: install it (Debian: kubernetes-client), no overlay can be rendered without"
    return {overlay: list(_policies(kubectl, overlay)) for overlay in OVERLAYS}


def _policies(kubectl: str, overlay: str) -> Iterator[dict[str, Any]]:
    command = [kubectl, "kustomize", str(ROOT / "k8s" / "overlays" / overlay)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    yield from (item for item in yaml.safe_load_all(output) if item and item["kind"] == "NetworkPolicy")


def expected(overlay: str) -> dict[str, set[str]]:
    """DNS, store, Pushgateway and the Kubernetes API, which executor and launcher need."""
    port, name = (5353, "dns of OpenShift") if overlay == "openshift" else (53, "dns")
    found = {
        name: {f"TCP {port}", f"UDP {port}"},
        "pushgateway": {"TCP 9091"},
        "kubeflow": {f"TCP {each}" for each in (8080, 8333, 8887, 8888, 9000)},
        "private address": {"TCP 443", "TCP 6443"},
        "private address of IPv6": {"TCP 443", "TCP 6443"},
    }
    return found | ({"store": {"TCP 9000"}} if overlay in WITH_OWN_STORE else {"public address": {"TCP 443"}})


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_of_a_pipeline_reaches_store_services_and_names_and_nothing_else(
    rendered: Any, overlay: str, record_property: Any
) -> None:
    """A store outside is HTTPS to public addresses, until its own is put there, as the reference says."""
    assert reachable(rendered[overlay], PIPELINE_POD) == expected(overlay)
    tried = len(PLACES) * len(PORTS) * 2
    record_property(
        "figure", f"{len(OVERLAYS)} overlays, {tried} pairs of place and port each, by audit of the objects"
    )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_of_the_namespace_is_isolated_in_both_directions(rendered: Any, overlay: str) -> None:
    for labels in ({}, {"any": "label"}, PIPELINE_POD.labels, TRAINING_POD.labels):
        for direction in ("Ingress", "Egress"):
            names = [
                each["metadata"]["name"] for each in selecting(rendered[overlay], Place(labels, "gmlm"), direction)
            ]
            assert "default-deny" in names


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nobody_reaches_a_pod_of_a_pipeline_but_who_reads_its_metrics(rendered: Any, overlay: str) -> None:
    monitoring = "openshift-user-workload-monitoring" if overlay == "openshift" else "monitoring"
    for namespace, port in product(("default", "kubeflow", "gmlm", monitoring), PORTS):
        asked = Place({"app": "x"}, namespace)
        found = _lets(rendered[overlay], PIPELINE_POD, asked, port, "TCP", "Ingress", "from")
        assert found == ((namespace, port) == (monitoring, 9464)), (namespace, port)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_workers_of_a_training_reach_each_other_on_any_port_and_no_kubeflow(rendered: Any, overlay: str) -> None:
    policies, other = rendered[overlay], Place({"batch.kubernetes.io/job-completion-index": "1"}, "gmlm")
    assert all(reaches(policies, TRAINING_POD, other, port) for port in (29500, 41234))
    assert "kubeflow" not in reachable(policies, TRAINING_POD)
    assert "private address" in reachable(policies, PIPELINE_POD)


def policy(spec: Mapping[str, Any], name: str = "x") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "gmlm"}, "spec": spec}


PODS = {"b elsewhere", "b here", "c here"}
DENY = policy({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})


@pytest.mark.parametrize(
    ("to", "reached"),
    [
        # One peer with both selectors means both; two peers mean either: as the reference of NetworkPolicy explains.
        ([{"namespaceSelector": {}, "podSelector": {"matchLabels": {"a": "b"}}}], {"b elsewhere", "b here"}),
        (
            [{"namespaceSelector": {}}, {"podSelector": {"matchLabels": {"a": "b"}}}],
            {"b elsewhere", "b here", "c here"},
        ),
        ([{"podSelector": {}}], {"b here", "c here"}),
        ([{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}], {"10.2.0.1"}),
        (None, PODS | {"10.1.0.1", "10.2.0.1"}),
    ],
)
def test_the_matcher_answers_as_the_reference_says(to: Any, reached: set[str]) -> None:
    places = {
        "b elsewhere": Place({"a": "b"}, "other"),
        "b here": Place({"a": "b"}, "gmlm"),
        "c here": Place({"a": "c"}, "gmlm"),
        "10.1.0.1": Place(address="10.1.0.1"),
        "10.2.0.1": Place(address="10.2.0.1"),
    }
    rule = {"ports": [{"port": 80}]} | ({"to": to} if to else {})
    egress = policy({"podSelector": {}, "policyTypes": ["Egress"], "egress": [rule]})
    pod = Place({"a": "pod"}, "gmlm")
    assert {name for name, place in places.items() if reaches([egress], pod, place, 80)} == reached
    assert not any(reaches([egress], pod, place, 81) for place in places.values())
    assert not any(reaches([DENY], pod, place, 80) for place in places.values())
    assert all(reaches([], pod, place, 81) for place in places.values())
