"""Metrics reach Prometheus, and whatever refuses them stops nothing."""

from __future__ import annotations

import socket
import urllib.request

import pytest

from gmlm.telemetry import exporting, metrics, registry


@pytest.mark.parametrize("port", ["occupied", 70_000])
def test_a_port_that_cannot_be_had_is_logged_and_stops_nothing(port, caplog):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert exporting.serve_metrics(taken.getsockname()[1] if port == "occupied" else port, "127.0.0.1") is None
    assert [record.message for record in caplog.records] == ["metrics are not served"]


@pytest.mark.parametrize("gateway", ["http://127.0.0.1:9", "no such address", "gopher://x"])
def test_a_push_that_fails_is_logged_and_stops_nothing(gateway, caplog):
    assert exporting.push_metrics(gateway, study="demo") is False
    assert [record.message for record in caplog.records] == ["metrics are not pushed"]


def test_a_push_to_a_server_that_refuses_stops_nothing(http_sink, caplog):
    http_sink.status = 503
    assert exporting.push_metrics(http_sink.url, study="demo") is False
    assert [record.message for record in caplog.records] == ["metrics are not pushed"]


def test_a_push_sends_results_and_nothing_that_ends_with_the_process(http_sink):
    metrics.observe_score("base", "ner", "f1", 0.5)
    metrics.observe_documents("ingest", {"in": 3, "out": 3})
    metrics.observe_store_request("GetObject", 0)
    assert exporting.push_metrics(http_sink.url, study="demo", node="evaluate/study") is True
    assert http_sink.path.startswith("/metrics/job/gmlm/")
    assert "study/demo" in http_sink.path
    assert b"gmlm_score{" in http_sink.body
    assert b"gmlm_documents_total{" in http_sink.body
    assert b"gmlm_store_requests_total" not in http_sink.body
    assert b"process_resident" not in http_sink.body


def test_pods_of_one_study_push_into_groups_of_their_own(http_sink):
    paths = set()
    for node in ("evaluate/a", "finetune/b--c--1", ""):
        exporting.push_metrics(http_sink.url, study="demo", node=node)
        paths.add(http_sink.path)
    assert len(paths) == 3


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_pod_serves_and_pushes_as_its_environment_says(monkeypatch, http_sink):
    port = free_port()
    monkeypatch.setenv(exporting.PORT_VARIABLE, str(port))
    monkeypatch.setenv(exporting.GATEWAY_VARIABLE, http_sink.url)
    with exporting.exported("demo", "ingest/x"):
        metrics.observe_documents("ingest", {"in": 1, "out": 1})
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            assert b'gmlm_documents_total{outcome="in",stage="ingest",study="demo"} 1.0' in answer.read()
        assert http_sink.body == b""
    assert b"gmlm_documents_total" in http_sink.body


def test_a_pod_that_fails_pushes_too_and_its_error_passes(monkeypatch, http_sink):
    monkeypatch.delenv(exporting.PORT_VARIABLE, raising=False)
    monkeypatch.setenv(exporting.GATEWAY_VARIABLE, http_sink.url)
    with pytest.raises(KeyError), exporting.exported("demo", "ingest/x"), metrics.observe_stage("ingest"):
        raise KeyError
    assert b'gmlm_stage_runs_total{outcome="failed"' in http_sink.body


def test_only_the_first_of_several_workers_exports(monkeypatch, http_sink):
    monkeypatch.setenv(exporting.GATEWAY_VARIABLE, http_sink.url)
    monkeypatch.setenv("RANK", "1")
    with exporting.exported("demo", "pretrain/x"):
        pass
    assert http_sink.body == b""
    assert registry.study_name() == "demo"


def test_a_pod_that_waits_for_others_serves_and_pushes_nothing(monkeypatch, http_sink):
    port = free_port()
    monkeypatch.setenv(exporting.PORT_VARIABLE, str(port))
    monkeypatch.setenv(exporting.GATEWAY_VARIABLE, http_sink.url)
    with (
        exporting.exported("demo", "pretrain/x", push=False),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer,
    ):
        assert answer.status == 200
    assert http_sink.body == b""


def test_a_port_is_served_once_by_a_process():
    port = exporting.serve_metrics(0, "127.0.0.1")
    assert exporting.serve_metrics(port, "127.0.0.1") == port


def test_a_port_that_is_no_number_stops_nothing(monkeypatch, caplog):
    monkeypatch.setenv(exporting.PORT_VARIABLE, "http")
    monkeypatch.delenv(exporting.GATEWAY_VARIABLE, raising=False)
    with exporting.exported("demo", "pretrain/x"):
        pass
    assert [record.message for record in caplog.records] == ["metrics are not served"]
