"""`gmlm monitor` shows the same figures from Prometheus, from an exporter and from a log."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from prometheus_client import generate_latest
from typer.testing import CliRunner

from gmlm.cli import app
from gmlm.errors import ClusterError, InputNotFoundError
from gmlm.monitoring import sources, terminal
from gmlm.monitoring.figures import Figures, Score, Snapshot, Stage, Training, figures
from gmlm.monitoring.sources import ExporterSource, LogSource, PrometheusSource, snapshot
from gmlm.telemetry import metrics, registry
from gmlm.telemetry.logs import JsonLines
from gmlm.telemetry.training import TrainingSeries


@pytest.fixture(autouse=True)
def fresh_registry():
    registry.instruments.cache_clear()
    registry.name_study("demo")
    yield
    registry.instruments.cache_clear()
    registry.name_study("")


def train(series: TrainingSeries, steps: range) -> None:
    for step in steps:
        series.observe_step(
            step=step,
            loss=3.0 - step / 100,
            learning_rate=1e-4,
            tokens=1000,
            flop=5e9,
            seconds=0.5,
            data_seconds=0.05,
            gradient_norm=0.7,
        )


def exposition() -> str:
    return generate_latest(metrics.registry()).decode()


@pytest.fixture
def two_looks() -> list[str]:
    """What an exporter says at two moments of a training that is half done."""
    series = TrainingSeries("pretrain", "base", "", "1")
    series.start()
    series.plan(100, 1e12, 2e4)
    train(series, range(1, 41))
    metrics.observe_recognised("ingest")
    first = exposition()
    train(series, range(41, 51))
    series.observe_checkpoint(0.5)
    metrics.observe_evaluation({"ner": {"models": {"base": {"mean": 0.7, "low": 0.6, "high": 0.8}}, "comparisons": {}}})
    return [first, exposition()]


@pytest.fixture
def moving_clock(monkeypatch):
    """A clock on which two looks at an exporter are ten seconds apart."""

    class Clock:
        now = 1_700_000_000.0

        @classmethod
        def time(cls) -> float:
            return cls.now

        @classmethod
        def sleep(cls, seconds: float) -> None:
            cls.now += 10

    monkeypatch.setattr(sources, "time", Clock)
    return Clock


def test_an_exporter_is_looked_at_twice_for_its_speeds(server, two_looks, moving_clock):
    server.replies = two_looks
    (training,) = ExporterSource(server.url, "demo").figures().trainings
    assert training.name == "pretrain base 1"
    assert training.running
    assert (training.step, training.steps) == (50, 100)
    assert training.loss == pytest.approx(2.5)
    assert training.tokens_per_second == pytest.approx(1000)
    assert training.utilisation == pytest.approx(5e9 / 1e12)
    assert training.data_wait == pytest.approx(0.1)
    assert training.seconds_left == pytest.approx(50)
    assert training.since_checkpoint is not None


def test_stages_and_scores_come_with_it(server, two_looks, moving_clock):
    server.replies = two_looks
    found = ExporterSource(server.url, None).figures()
    assert found.stages == (Stage("ingest", False, {"recognised": 1}),)
    assert found.scores == (Score("base", "ner", "f1", 0.7, 0.6, 0.8),)


def test_another_study_of_the_exporter_is_left_out(server, two_looks, moving_clock):
    server.replies = two_looks
    assert ExporterSource(server.url, "other").figures() == Figures()


def test_nobody_at_the_exporters_address_is_told():
    with pytest.raises(ClusterError, match="--metrics-port"):
        ExporterSource("http://127.0.0.1:9/metrics", None).figures()


def test_prometheus_is_asked_for_one_study_at_two_moments(server, as_vector):
    labels = {"__name__": "gmlm_training_step", "stage": "pretrain", "model": "m", "instance": "a:1", "job": "gmlm"}
    tokens = {**labels, "__name__": "gmlm_training_tokens_total"}
    server.replies = [as_vector((labels, 1), (tokens, 0)), as_vector((labels, 7), (tokens, 6000))]
    (training,) = PrometheusSource(server.url, "demo").figures().trainings
    assert (training.name, training.step) == ("pretrain m", 7)
    assert training.tokens_per_second == pytest.approx(6000 / sources.WINDOW)
    assert {parameters["query"] for _, parameters in server.asked} == {'{__name__=~"gmlm_.+",study="demo"}'}
    earlier, later = (float(parameters["time"]) for _, parameters in server.asked)
    assert later - earlier == pytest.approx(sources.WINDOW)


def test_what_is_scraped_and_pushed_counts_once():
    labels = {"model": "m", "task": "t", "split": "test", "metric": "f1"}
    found = snapshot(0.0, [("gmlm_score", labels | {"job": job}, 0.5) for job in ("gmlm", "pushgateway")])
    assert len(found.samples) == 1


def test_a_speed_without_growth_is_not_known():
    labels = (("model", "m"), ("stage", "pretrain"))
    samples = {("gmlm_training_step", labels): 5.0, ("gmlm_training_tokens_total", labels): 10.0}
    (training,) = figures(Snapshot(0, samples), Snapshot(10, samples)).trainings
    assert training.tokens_per_second is None
    assert training.seconds_left is None


def test_a_log_of_a_run_gives_the_last_line_of_each_training(tmp_path):
    handler = logging.StreamHandler((tmp_path / "run.log").open("w"))
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("gmlm.test.monitor")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.info("stage started", extra={"node": "pretrain/base"})
    for step in (10, 20):
        names = {"stage": "pretrain", "model": "base", "phase": "1"}
        logger.info("training", extra={**names, "step": step, "steps": 40, "loss": 2.0, "tokens_per_second": 12.0})
    logger.error("stage failed", extra={"node": "ingest/a", "error": "DataFormatError"})
    handler.close()
    logger.removeHandler(handler)
    found = LogSource(tmp_path / "run.log").figures()
    assert found.trainings == (
        Training("pretrain base 1", True, 20, 40, loss=2.0, learning_rate=None, tokens_per_second=12.0),
    )
    assert found.stages == (Stage("pretrain", False, {"started": 1}), Stage("ingest", False, {"failed": 1}))


def test_lines_of_a_log_that_are_no_json_are_passed_over(tmp_path):
    (tmp_path / "run.log").write_text('Pretrain base: 3 of 9 step\n[1]\n{"message": "other"}\n')
    assert LogSource(tmp_path / "run.log").figures() == Figures()


def test_a_log_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"none\.log"):
        LogSource(tmp_path / "none.log").figures()


def test_tables_show_what_is_known_and_a_dash_where_nothing_is():
    training = Training("pretrain base", True, 3, 10, loss=2.5, tokens_per_second=12345.0, seconds_left=90.0)
    stage = Stage("ingest", False, {"finished": 2, "failed": 0}, progress=0.5)
    text = terminal.render(Figures((training,), (stage,), (Score("base", "ner", "f1", 0.7, 0.6, 0.8),)))
    lines = [line.split() for line in text.splitlines() if line]
    assert lines[1] == ["ingest", "50", "%", "2", "finished"]
    assert lines[3][:11] == ["*", "pretrain", "base", "3", "of", "10", "2.5", "-", "-", "12.3", "k"]
    assert "1 min 30 s" in text
    assert "0.6 to 0.8" in text


def test_nothing_known_is_said():
    assert terminal.render(Figures()) == "nothing is known of a run yet"


def test_the_study_may_be_a_file_or_a_name(tmp_path):
    (tmp_path / "study.yaml").write_text("name: from-file\n")
    assert terminal.study_name(str(tmp_path / "study.yaml")) == "from-file"
    assert terminal.study_name("by-name") == "by-name"
    assert terminal.study_name(None) is None


def test_watching_shows_again_and_again(monkeypatch):
    class Once:
        count = 0

        def figures(self) -> Figures:
            return Figures()

    def sleep(seconds: float) -> None:
        Once.count += 1
        if Once.count == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(terminal.time, "sleep", sleep)
    shown: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        terminal.watch(Once(), shown.append, 5.0)
    assert len(shown) == 2
    assert all(text.startswith(terminal.CLEAR) for text in shown)


def test_the_command_prints_the_tables_of_an_exporter(server, two_looks, monkeypatch):
    server.replies = two_looks
    monkeypatch.setattr(sources, "PAUSE", 0.01)
    result = CliRunner().invoke(app, ["monitor", "demo", "--exporter", f"{server.url}/metrics"])
    assert result.exit_code == 0, result.output
    assert "pretrain base 1" in result.output
    assert "50 of 100" in result.output


def test_the_source_is_the_one_that_is_named(tmp_path):
    assert isinstance(terminal.open_source(None, "http://p", None, None), PrometheusSource)
    assert isinstance(terminal.open_source(None, None, None, tmp_path / "log"), LogSource)
    assert isinstance(terminal.open_source(None, None, None, None), ExporterSource)


def test_monitoring_imports_nothing_heavy():
    code = "import sys, gmlm.monitoring.terminal; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "matplotlib", "grafana_foundation_sdk", "prometheus_client", "pydantic"} & set(loaded)
