"""What a scrape reads at its moment: how far stages are, and what of it is gone afterwards."""

from __future__ import annotations

import pytest

from gmlm.telemetry import metrics, progress


def value(name: str, **labels: str) -> float | None:
    return metrics.registry().get_sample_value(name, labels)


@pytest.mark.parametrize("setting", ["0", "1"])
def test_a_running_stage_tells_how_far_it_is_whether_or_not_it_is_shown(setting, monkeypatch):
    monkeypatch.setenv("GMLM_PROGRESS", setting)
    with metrics.observe_stage("translate"), progress("Translate", total=10, unit="document", done=2) as work:
        work.advance(3)
        assert value("gmlm_progress_done_units", stage="translate") == 5
        assert value("gmlm_progress_planned_units", stage="translate") == 10
        assert value("gmlm_progress_start_timestamp_seconds", stage="translate") > 1.6e9
    assert value("gmlm_progress_done_units", stage="translate") is None


def test_the_outermost_work_of_a_stage_counts():
    with metrics.observe_stage("finetune"), progress("outer", total=100), progress("inner", total=3) as inner:
        inner.advance(3)
        assert value("gmlm_progress_planned_units", stage="finetune") == 100


def test_work_of_unknown_length_and_outside_of_stages_is_left_out():
    with progress("outside", total=5), metrics.observe_stage("ingest"), progress("endless", total=None):
        assert value("gmlm_progress_done_units", stage="ingest") is None
        assert value("gmlm_progress_done_units", stage="") is None


def test_work_that_fails_is_no_longer_shown():
    with pytest.raises(KeyError), metrics.observe_stage("ingest"), progress("work", total=5):
        raise KeyError
    assert value("gmlm_progress_planned_units", stage="ingest") is None


def test_no_gpu_no_memory_of_one():
    assert value("gmlm_device_memory_bytes", kind="peak") is None
