"""What a Prometheus server would see of a stage and of training."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gmlm.errors import DataFormatError, InterruptedRunError
from gmlm.telemetry import exporting, metrics, names
from gmlm.telemetry.reference import metrics_reference
from gmlm.telemetry.registry import name_study

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"


def scrape() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    port = exporting.serve_metrics(0, "127.0.0.1")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def value(name: str, **labels: str) -> float:
    found = metrics.registry().get_sample_value(name, labels)
    assert found is not None, f"{name}{labels} is not exported"
    return found


def test_every_sample_names_the_study():
    name_study("trial")
    metrics.observe_recognised("ingest")
    samples = scrape()
    assert samples["gmlm_stage_runs_total", (("outcome", "recognised"), ("stage", "ingest"), ("study", "trial"))] == 1
    assert all(("study", "trial") in labels for _, labels in samples)


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
    metrics.observe_translated(120, 0.2)
    metrics.observe_flags({"numbers": 3})
    metrics.observe_translated_words(10, 9)
    metrics.observe_quarantined("ingest")
    metrics.observe_score("marian", "translation/unseen", "chrf", 61.5)
    assert value("gmlm_stage_runs_total", stage="report", outcome="recognised") == 1
    assert value("gmlm_translation_segments_total", outcome="flagged") == 4
    assert value("gmlm_translation_tokens_total") == 120
    assert value("gmlm_translation_batch_seconds_sum") == 0.2
    assert value("gmlm_translation_flags_total", flag="numbers") == 3
    assert value("gmlm_translation_words_total", side="target") == 9
    assert value("gmlm_quarantined_total", stage="ingest") == 1
    labels = {"model": "marian", "task": "translation/unseen", "split": "test", "metric": "chrf"}
    assert value("gmlm_score", **labels) == 61.5


def test_an_evaluation_is_exported_with_its_intervals_and_differences():
    row = {"mean": 0.7, "std": None, "low": 0.6, "high": 0.8}
    compared = {"baseline": "base", "difference": 0.1, "low": -0.05, "high": 0.2, "p": 0.3}
    metrics.observe_evaluation({"ner": {"models": {"base": row, "new": row}, "comparisons": {"new": compared}}})
    scored = {"task": "ner", "split": "test", "metric": "f1"}
    assert value("gmlm_score", model="base", **scored) == 0.7
    assert value("gmlm_score_low", model="new", **scored) == 0.6
    assert value("gmlm_score_high", model="new", **scored) == 0.8
    found = [
        value(f"gmlm_score_difference{end}", model="new", task="ner", metric="f1") for end in ("", "_low", "_high")
    ]
    assert found == [0.1, -0.05, 0.2]
    assert not any(
        name.startswith("gmlm_score_difference") and ("model", "base") in labels for name, labels in scrape()
    )


def test_a_cell_shows_its_dev_score_only():
    metrics.observe_cell("base", "ner", {"dev": {"f1": 0.5}, "test": {"f1": 0.4}})
    scores = {labels: v for (name, labels), v in scrape().items() if name == "gmlm_score"}
    assert [(dict(labels)["split"], v) for labels, v in scores.items()] == [("dev", 0.5)]


def test_requests_retries_and_errors_of_the_store_are_counted():
    metrics.observe_store_request("PutObject", 0)
    metrics.observe_store_request("PutObject", 2)
    metrics.observe_store_error("StorageError")
    assert value("gmlm_store_requests_total", operation="PutObject") == 2
    assert value("gmlm_store_retries_total", operation="PutObject") == 2
    assert value("gmlm_store_errors_total", error="StorageError") == 1


def test_the_first_segments_of_a_translation_are_an_increase():
    with metrics.observe_stage("translate"):
        assert [value("gmlm_translation_segments_total", outcome=o) for o in ("translated", "copied", "flagged")] == [
            0
        ] * 3


def test_the_first_failure_of_a_stage_is_an_increase():
    with metrics.observe_stage("corpus"):
        assert value("gmlm_stage_runs_total", stage="corpus", outcome="failed") == 0


def test_the_reference_page_is_the_one_that_the_code_writes():
    assert REFERENCE.read_text(encoding="utf-8") == metrics_reference()


def test_every_label_is_explained_in_the_reference_page():
    labels = {label for metric in names.METRICS for label in metric.labels} | {"study"}
    page = REFERENCE.read_text(encoding="utf-8").partition("## Labels")[2]
    assert all(f"`{label}`" in page for label in labels)


def test_names_follow_the_prometheus_rules():
    for metric in names.METRICS:
        assert metric.name.startswith("gmlm_")
        assert metric.name.endswith("_total") == (metric.kind == "counter")


def test_the_client_library_is_not_imported_before_the_first_observation():
    code = "import sys, gmlm.telemetry, gmlm.telemetry.metrics; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
