"""A study that a real Prometheus watches from start to end: the servers, and the study.

The GPU panels have nothing to ask of a machine without GPUs: a small server answers for NVIDIA's DCGM exporter with
`dcgm.prom`, written in the exporter's format.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from gmlm.monitoring.answers import Window
from gmlm.monitoring.prometheus import Prometheus

COMPONENT = Path(__file__).parents[2] / "k8s" / "components" / "monitoring"
RULES = sorted((COMPONENT / "rules").glob("*.yaml"))
SCRAPE = 1.0
MODELS = ("base", "translated", "detector")
PEAK_OF_A_CORE = "1e11"
"""Operations a second of one core with AVX2, about."""


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on PATH: install Debian's packages prometheus and prometheus-pushgateway")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(ready: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except OSError:
            pass
        time.sleep(0.2)
    pytest.fail(f"{what} did not happen within {seconds:.0f} s")


def answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=2) as answer:
        return answer.status == 200


@dataclass(frozen=True)
class Watched:
    """A study that was watched: the server that did, when, and what it was started with."""

    prometheus: Prometheus
    url: str
    window: Window
    gateway: str
    environment: dict[str, str]
    world: Path
    run_log: Path


class _Dcgm(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write((Path(__file__).parent / "dcgm.prom").read_bytes())

    def log_message(self, *_: object) -> None: ...


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Prometheus hangs up where a busy machine answers late."""


@pytest.fixture(scope="module")
def dcgm() -> Iterator[int]:
    with _Quiet(("127.0.0.1", 0), _Dcgm) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    name = shutil.which("prometheus-pushgateway") or program("pushgateway")
    address = f"127.0.0.1:{free_port()}"
    with (tmp_path_factory.mktemp("gateway") / "log").open("wb") as log:
        process = subprocess.Popen(
            [name, f"--web.listen-address={address}", "--persistence.file="], stdout=log, stderr=log
        )
    wait_for(lambda: answers(f"http://{address}/-/ready"), "the start of the Pushgateway")
    yield f"http://{address}"
    process.terminate()
    process.wait(20)


def small_study(world: Path) -> Path:
    """The tiny world's study, short enough for a test and long enough to be scraped."""
    subprocess.run([sys.executable, "-m", "gmlm.cli", "demo", str(world), "--size", "tiny"], check=True)
    study = yaml.safe_load((world / "study.yaml").read_text())
    study["name"] = "watched"
    study["translators"]["marian"]["train"]["steps"] = 40
    study["translators"]["marian"]["train"]["batch_tokens"] = 512
    study["translators"]["marian"]["decoding"] = {"engine": "transformers", "batch_tokens": 64, "max_length": 32}
    for translation in study["translations"].values():
        translation |= {"max_flagged_ratio": 1.0, "documents_per_shard": 5}
    study["recipes"]["translated"] |= {"identify_language": False, "deduplicate": "none", "min_characters": 1}
    # A held-out loss by source needs a second source, and so much held out that each has a part in it.
    notes = {"reader": "jsonl", "path": "clinical_de/notes.jsonl", "id_field": "id", "language": "de"}
    study["sources"]["notes"] = notes
    study["recipes"]["general"] = {"sources": {"general": {}, "notes": {}}, "holdout_ratio": 0.2}
    for model in study["models"].values():
        for phase in model["phases"]:
            phase["steps"] = 60
            phase["optimisation"] |= {"checkpoint_every": 15, "evaluate_every": 30}
    for task in study["tasks"].values():
        task["finetuning"]["epochs"] = 1
    study["models"]["detector"] = detector(study["models"]["base"]["phases"])
    study["evaluation"] |= {"models": list(MODELS), "seeds": [1], "resamples": 200}
    (world / "watched.yaml").write_text(yaml.safe_dump(study))
    return world / "watched.yaml"


def detector(phases: list[Any]) -> dict[str, Any]:
    """A discriminator, whose loss has several terms."""
    settings = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    architecture = {"model_type": "electra", "tokenizer": "german", "settings": settings}
    return {"architecture": architecture, "objective": "replaced_token_detection", "phases": phases}


def configuration(exporter: int, dcgm: int, gateway: str) -> str:
    def job(name: str, target: str, **more: Any) -> dict[str, Any]:
        return {"job_name": name, "static_configs": [{"targets": [target]}], **more}

    jobs = [job("gmlm", f"127.0.0.1:{exporter}"), job("dcgm", f"127.0.0.1:{dcgm}", honor_labels=True)]
    jobs.append(job("pushgateway", gateway.removeprefix("http://"), honor_labels=True))
    times = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "2s"}
    return yaml.safe_dump({"global": times, "rule_files": [str(file) for file in RULES], "scrape_configs": jobs})


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, s3_server: Any, dcgm: int, gateway: str) -> Iterator[Watched]:
    server, folder = program("prometheus"), tmp_path_factory.mktemp("watched")
    port, exporter = free_port(), free_port()
    (folder / "prometheus.yml").write_text(configuration(exporter, dcgm, gateway))
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([server, *options, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(f"{url}/-/ready"), "the start of Prometheus")
        environment = {**os.environ, **store_environment(s3_server), "GMLM_PEAK_FLOPS": PEAK_OF_A_CORE}
        study, store = small_study(folder / "world"), make_bucket(s3_server)
        start = time.time()
        command = [sys.executable, "-m", "gmlm.cli", "run", str(study), "--store", store]
        command += ["--metrics-port", str(exporter), "--pushgateway", gateway]
        command += ["--log-format", "json", "--log-level", "info"]
        with (folder / "run.log").open("wb") as log:
            subprocess.run(command, check=True, env=environment, stdout=log, stderr=log, timeout=900)
        # The last push is scraped, and rules are evaluated once more; costs are counted by the minute.
        time.sleep(max(3 * SCRAPE, start + 61 - time.time()))
        window = Window(start, time.time(), SCRAPE)
        yield Watched(Prometheus(url), url, window, gateway, environment, study.parent, folder / "run.log")
    finally:
        process.terminate()
        process.wait(30)


def store_environment(server: Any) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_REGION": "us-east-1",
        "GMLM_PROGRESS": "0",
        "OMP_NUM_THREADS": "1",
    }


def make_bucket(server: Any) -> str:
    import boto3

    name = f"watched-{uuid.uuid4().hex[:8]}"
    keys = {"aws_access_key_id": server.access_key, "aws_secret_access_key": server.secret_key}
    boto3.client("s3", endpoint_url=server.endpoint, region_name="us-east-1", **keys).create_bucket(Bucket=name)
    return f"s3://{name}"
