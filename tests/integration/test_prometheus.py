"""A real Prometheus watches a real study from start to end; every rule, panel and figure is asked of it.

The GPU panels have nothing to ask of a machine without GPUs: a small server answers for NVIDIA's DCGM exporter with
`dcgm.prom`, written in the exporter's format. Grafana itself is not run: its panels' queries are.
"""

from __future__ import annotations

import json
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

from gmlm.monitoring.answers import Window, ask, defaults, moments, silent_queries
from gmlm.monitoring.dashboards import DASHBOARDS, PRETRAINING
from gmlm.monitoring.pictures import draw
from gmlm.monitoring.prometheus import Prometheus
from gmlm.monitoring.rules import rule_groups
from gmlm.monitoring.sources import LogSource, PrometheusSource

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
COMPONENT = ROOT / "k8s" / "components" / "monitoring"
RULES = sorted((COMPONENT / "rules").glob("*.yaml"))
SCRAPE = 1.0
MODELS, TASKS = ("base", "translated", "detector"), ("entities", "chapters", "questions")
PEAK_OF_A_CORE = "1e11"
"""Operations a second of one core with AVX2, about."""
NEEDS_A_GPU = {("Memory", 'gmlm_device_memory_bytes{study=~"watched"}')}
"""Title and expression of queries that only a process with a GPU answers."""
NEEDS_A_METER = {
    (
        "Power of stages",
        'sum by (stage, meter) (rate(gmlm_energy_joules_total{study=~"watched"}[$__rate_interval]))',
    )
}
"""Likewise of those that need readable RAPL or a GPU."""


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


def test_every_rule_is_loaded_and_evaluates_without_an_error(watched: Watched) -> None:
    expected = {
        rule.get("alert") or rule["record"] for f in RULES for group in rule_groups(f) for rule in group["rules"]
    }
    loaded = {rule["name"]: (rule["health"], rule.get("lastError", "")) for rule in watched.prometheus.rules()}
    assert set(loaded) == expected
    assert {name: state for name, state in loaded.items() if state != ("ok", "")} == {}


def test_a_study_that_goes_well_fires_no_alert(watched: Watched) -> None:
    firing = watched.prometheus.query_range(
        'ALERTS{alertstate="firing"}', watched.window.start, watched.window.end, 1.0
    )
    # After 15 minutes Prometheus rightly misses kube-state-metrics, which this machine does not have.
    assert {series.labels["alertname"] for series in firing} <= {"GmlmKubeStateMetricsAbsent"}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_every_query_of_a_dashboard_returns_data(watched: Watched, dashboard: Any) -> None:
    variables = {**defaults(dashboard), "study": "watched"}
    silent = set(silent_queries(watched.prometheus, dashboard, watched.window, variables))
    allowed = {(title, expr.replace('"watched"', '"$study"')) for title, expr in NEEDS_A_GPU | NEEDS_A_METER}
    assert silent <= allowed


def test_phases_and_checkpoints_are_marked_where_they_were(watched: Watched) -> None:
    variables = {**defaults(PRETRAINING), "study": "watched"}
    for annotation in PRETRAINING.annotations:
        found = moments(watched.prometheus, annotation, watched.window, variables)
        assert found, annotation.name
        assert all(watched.window.start <= moment <= watched.window.end for moment in found)


def test_a_picture_of_each_dashboard_is_drawn_from_the_answers(watched: Watched, tmp_path: Path) -> None:
    folder = Path(os.environ.get("GMLM_PICTURES", tmp_path))
    for dashboard in DASHBOARDS:
        target = folder / f"{dashboard.uid}.png"
        draw(watched.prometheus, dashboard, watched.window, target, {**defaults(dashboard), "study": "watched"})
        assert target.read_bytes().startswith(b"\x89PNG")
        assert target.stat().st_size > 10_000


def test_prometheus_and_the_store_agree_on_what_the_study_made(watched: Watched) -> None:
    def last(expr: str) -> float:
        (series,) = watched.prometheus.query(f"last_over_time({expr}[30m])", watched.window.end)
        return series.points[0][1]

    assert last('gmlm_training_step{model="base",stage="pretrain"}') <= 60
    assert last('gmlm_training_planned_steps{model="base",stage="pretrain"}') == 60
    expr = 'max by (outcome) (last_over_time(gmlm_documents_total{stage="ingest",study="watched"}[30m]))'
    found = watched.prometheus.query(expr, watched.window.end)
    documents = {series.labels["outcome"]: series.points[0][1] for series in found}
    assert documents["in"] == documents["out"] + documents["rejected"] > 0


def test_scores_outlive_the_process_by_the_pushgateway_and_nothing_else_does(watched: Watched) -> None:
    with urllib.request.urlopen(f"{watched.gateway}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    names = {line.split("{")[0] for line in text.splitlines() if line.startswith("gmlm_")}
    assert {"gmlm_score", "gmlm_score_low", "gmlm_score_high", "gmlm_documents_total"} <= names
    assert not any(name.startswith(("gmlm_training_step", "gmlm_training_loss", "gmlm_store")) for name in names)


def test_the_terminal_shows_scores_from_prometheus_and_trainings_from_the_log(watched: Watched) -> None:
    scores = PrometheusSource(watched.url, "watched").figures().scores
    compared = {(score.model, score.task) for score in scores if score.metric == "f1"}
    assert compared == {(model, task) for model in MODELS for task in TASKS}
    assert all(score.low <= score.value <= score.high for score in scores if score.metric == "f1")
    trainings = {training.name: training for training in LogSource(watched.run_log).figures().trainings}
    assert {"translator marian", "pretrain base 1", "finetune translated entities"} <= set(trainings)
    assert all(training.step == training.steps for training in trainings.values())


def test_no_label_and_no_log_line_holds_text_of_a_document(watched: Watched) -> None:
    words = next(note["text"] for note in read_lines(watched.world / "clinical_de" / "notes.jsonl")).split()
    phrase = " ".join(words[:4])
    with urllib.request.urlopen(f'{watched.url}/api/v1/series?match[]={{__name__=~"gmlm_.*"}}', timeout=5) as answer:
        assert phrase not in answer.read().decode()
    assert phrase not in watched.run_log.read_text()


def read_lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_stage_that_fails_fires_its_alert_with_study_and_stage_in_the_text(watched: Watched) -> None:
    study = yaml.safe_load((watched.world / "watched.yaml").read_text())
    study |= {"name": "broken", "store": "broken-runs"}
    wrong = {"reader": "csv", "path": "mimic/NOTEEVENTS.csv", "text_fields": ["NO_SUCH_COLUMN"]}
    study["sources"] = {**study["sources"], "mimic": wrong}
    (watched.world / "broken.yaml").write_text(yaml.safe_dump(study))
    command = [sys.executable, "-m", "gmlm.cli", "ingest", str(watched.world / "broken.yaml")]
    failed = subprocess.run([*command, "--pushgateway", watched.gateway], env=watched.environment, check=False)
    assert failed.returncode != 0

    def fired() -> bool:
        return bool(watched.prometheus.query('ALERTS{alertname="GmlmStageFailed",alertstate="firing",study="broken"}'))

    wait_for(fired, "the alert")
    (rule,) = [rule for rule in watched.prometheus.rules() if rule["name"] == "GmlmStageFailed"]
    assert [alert["annotations"]["summary"] for alert in rule["alerts"]] == ["Stage ingest of study broken has failed"]


def test_answers_carry_the_names_of_their_legends(watched: Watched) -> None:
    (loss,) = [panel for panel in PRETRAINING.panels if panel.title == "Loss"]
    (answer,) = ask(watched.prometheus, loss, watched.window, {**defaults(PRETRAINING), "study": "watched"})
    names = {name for name, _ in answer.series}
    assert {"pretrain base 1", "pretrain translated 1", "translator marian"} <= names
    assert "finetune base entities" in names
