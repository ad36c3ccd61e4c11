"""The PodMonitor's relabelings, applied by a real Prometheus, leave one target for each pod that exports.

Debian builds Prometheus without the discovery of Kubernetes, so targets come from a file, with the labels and in the
number in which the role `pod` gives them: one for each declared port of each container, one for a container without.
Pods are addresses of the loopback network; what the operator adds is a `keep` by the pod's labels.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.integration

MONITORS = Path(__file__).parents[2] / "k8s" / "components" / "monitoring" / "podmonitors.yaml"
EXPORTS = {"gmlm_metrics": "true", "pipeline_runid": "run-1"}
PODS: dict[str, tuple[str, str, dict[str, str], dict[str, list[int]]]] = {
    "of-a-pipeline": ("127.9.4.1", "Running", EXPORTS, {"main": [], "wait": []}),
    "of-a-group": ("127.9.4.2", "Running", EXPORTS, {"node": [9464, 29500]}),
    "without-the-label": ("127.9.4.3", "Running", {}, {"main": []}),
    "of-another-kind": ("127.9.4.4", "Running", EXPORTS, {"sidecar": [9464]}),
    "that-has-ended": ("127.9.4.5", "Succeeded", EXPORTS, {"main": []}),
}
"""Address, phase, labels and ports by container of each pod."""


class _Metrics(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'gmlm_build_info{version="x"} 1\n')

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def exporters() -> Iterator[None]:
    servers = []
    for address, *_ in PODS.values():
        try:
            servers.append(ThreadingHTTPServer((address, 9464), _Metrics))
        except OSError as error:
            pytest.skip(f"{address}:9464 cannot be served here: {error}")
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
    yield
    for server in servers:
        server.shutdown()
        server.server_close()


def discovered() -> list[dict[str, Any]]:
    """The targets as Prometheus' role `pod` finds them."""
    found = []
    for name, (address, phase, labels, containers) in PODS.items():
        pod = {f"__meta_kubernetes_pod_label_{label}": value for label, value in labels.items()}
        pod |= {"__meta_kubernetes_pod_name": name, "__meta_kubernetes_pod_ip": address}
        pod |= {"__meta_kubernetes_pod_phase": phase}
        for container, ports in containers.items():
            own = {**pod, "__meta_kubernetes_pod_container_name": container}
            for port in ports or [None]:
                target = address if port is None else f"{address}:{port}"
                found.append({"targets": [target], "labels": own})
    return found


def configuration(monitor: dict[str, Any], targets: Path) -> str:
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    spelled = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    rules = [
        {"source_labels": [f"__meta_kubernetes_pod_label_{label.replace('/', '_')}"], "regex": value, "action": "keep"}
        for label, value in monitor["spec"]["selector"]["matchLabels"].items()
    ]
    rules += [{spelled.get(key, key): value for key, value in rule.items()} for rule in endpoint["relabelings"]]
    job = {"job_name": "gmlm", "metrics_path": endpoint["path"], "relabel_configs": rules}
    job |= {"scrape_interval": "1s", "scrape_timeout": "1s", "file_sd_configs": [{"files": [str(targets)]}]}
    return yaml.safe_dump({"scrape_configs": [job]})


def active_targets(address: str) -> list[dict[str, Any]]:
    """The targets that Prometheus scrapes, once each of them was; whatever there is after half a minute."""
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{address}/api/v1/targets?state=active", timeout=5) as answer:
                found = json.load(answer)["data"]["activeTargets"]
        except OSError:
            found = []
        if found and all(target["health"] != "unknown" for target in found):
            break
        time.sleep(0.5)
    return found


def test_each_exporting_pod_is_one_target_with_and_without_declared_ports(exporters: None, tmp_path: Path) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not on PATH: install Debian's package prometheus")
    monitor = next(each for each in yaml.safe_load_all(MONITORS.read_text()) if each["metadata"]["name"] == "gmlm-pods")
    (tmp_path / "targets.json").write_text(json.dumps(discovered()))
    (tmp_path / "prometheus.yml").write_text(configuration(monitor, tmp_path / "targets.json"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    options = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(["prometheus", *options, f"--web.listen-address={address}"], stdout=log, stderr=log)
    try:
        found = active_targets(address)
    finally:
        server.terminate()
        server.wait(20)
    assert sorted((target["labels"]["instance"], target["scrapeUrl"], target["health"]) for target in found) == [
        ("of-a-group", "http://127.9.4.2:9464/metrics", "up"),
        ("of-a-pipeline", "http://127.9.4.1:9464/metrics", "up"),
    ]
    assert {target["labels"]["run"] for target in found} == {"run-1"}
