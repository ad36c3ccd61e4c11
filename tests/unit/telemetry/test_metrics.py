"""What a Prometheus server would see of a stage and of training."""

from __future__ import annotations

import math
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gmlm.errors import DataFormatError, InterruptedRunError
from gmlm.telemetry import metrics, names

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"


@pytest.fixture(autouse=True)
def fresh_registry():
    metrics._instruments.cache_clear()
    yield
    metrics._instruments.cache_clear()


def scrape() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    port = metrics.serve_metrics(0, "127.0.0.1")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def value(name: str, **labels: str) -> float:
    found = metrics.registry().get_sample_value(name, labels)
    assert found is not None, f"{name}{labels} is not exported"
    return found


def test_a_scrape_over_http_returns_what_training_observed():
    metrics.observe_step(loss=2.5, learning_rate=1e-4, tokens=8192, step=7, gradient_norm=0.5)
    samples = scrape()
    stage = (("stage", "pretrain"),)
    assert samples["gmlm_training_loss", stage] == 2.5
    assert samples["gmlm_training_learning_rate", stage] == 1e-4
    assert samples["gmlm_training_tokens_total", stage] == 8192
    assert samples["gmlm_training_step", stage] == 7
    assert samples["gmlm_training_gradient_norm", stage] == 0.5
    assert samples["gmlm_training_last_step_timestamp_seconds", stage] > 1.6e9
    assert samples["process_resident_memory_bytes", ()] > 1e6


def test_steps_are_counted_when_the_loop_gives_no_number():
    for _ in range(3):
        metrics.observe_step(loss=1.0, learning_rate=0.1, tokens=10)
    assert value("gmlm_training_step", stage="pretrain") == 3
    assert value("gmlm_training_tokens_total", stage="pretrain") == 30


def test_a_loss_that_is_not_a_number_is_exported_as_such():
    metrics.observe_step(loss=float("nan"), learning_rate=0.1, tokens=1, stage="finetune")
    assert math.isnan(scrape()["gmlm_training_loss", (("stage", "finetune"),)])


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "finished"),
        (InterruptedRunError("stopped"), "interrupted"),
        (KeyboardInterrupt(), "interrupted"),
        (DataFormatError("bad"), "failed"),
        (ZeroDivisionError(), "failed"),
    ],
)
def test_a_stage_is_counted_by_how_it_ended(error, outcome):
    def run() -> None:
        with metrics.observe_stage("ingest"):
            assert value("gmlm_stage_running", stage="ingest") == 1
            if error is not None:
                raise error

    if error is None:
        run()
    else:
        with pytest.raises(type(error)):
            run()
    assert value("gmlm_stage_running", stage="ingest") == 0
    assert value("gmlm_stage_runs_total", stage="ingest", outcome=outcome) == 1
    assert value("gmlm_stage_seconds_count", stage="ingest", outcome=outcome) == 1


def test_documents_balance_and_other_counters_stay_out():
    metrics.observe_documents("corpus", {"in": 10, "out": 7, "rejected": 1, "dropped": 2, "rejected: no text": 1})
    got = {o: value("gmlm_documents_total", stage="corpus", outcome=o) for o in metrics.DOCUMENT_OUTCOMES}
    assert got == {"in": 10, "out": 7, "rejected": 1, "dropped": 2}
    assert not any("no text" in str(labels) for _, labels in scrape())


def test_what_happens_once_in_a_while_is_exported_too():
    metrics.observe_recognised("report")
    metrics.observe_segments("flagged", 4)
    metrics.observe_held_out_loss(3.25)
    metrics.observe_checkpoint()
    metrics.observe_score("continued", "ner", "f1", 0.75)
    assert value("gmlm_stage_runs_total", stage="report", outcome="recognised") == 1
    assert value("gmlm_translation_segments_total", outcome="flagged") == 4
    assert value("gmlm_training_held_out_loss", stage="pretrain") == 3.25
    assert value("gmlm_checkpoint_timestamp_seconds", stage="pretrain") > 1.6e9
    assert value("gmlm_score", model="continued", task="ner", metric="f1") == 0.75


@pytest.mark.parametrize("port", ["occupied", 70_000])
def test_a_port_that_cannot_be_had_is_logged_and_stops_nothing(port, caplog):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert metrics.serve_metrics(taken.getsockname()[1] if port == "occupied" else port, "127.0.0.1") is None
    assert [record.message for record in caplog.records] == ["metrics are not served"]


@pytest.mark.parametrize("gateway", ["http://127.0.0.1:9", "no such address", "gopher://x"])
def test_a_push_that_fails_is_logged_and_stops_nothing(gateway, caplog):
    assert metrics.push_metrics(gateway, study="demo") is False
    assert [record.message for record in caplog.records] == ["metrics are not pushed"]


def test_a_push_sends_the_metrics_grouped_by_study(http_sink):
    metrics.observe_checkpoint()
    assert metrics.push_metrics(http_sink.url, study="demo") is True
    assert http_sink.path == "/metrics/job/gmlm/study/demo"
    assert b"gmlm_checkpoint_timestamp_seconds" in http_sink.body


def test_every_metric_is_documented_with_its_kind_and_labels():
    rows = [line for line in REFERENCE.read_text(encoding="utf-8").splitlines() if line.startswith("| `gmlm_")]
    expected = []
    for metric in names.METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
        expected.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
    assert rows == expected


def test_names_follow_the_prometheus_rules():
    for metric in names.METRICS:
        assert metric.name.startswith("gmlm_")
        assert metric.name.endswith("_total") == (metric.kind == "counter")


def test_the_client_library_is_not_imported_before_the_first_observation():
    code = "import sys, gmlm.telemetry, gmlm.telemetry.metrics; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
