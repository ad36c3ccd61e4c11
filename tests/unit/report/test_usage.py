"""Time, energy and cost: sums by hand, never a figure that was not measured, and the report's bytes stay the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lxml import html

from gmlm.config import PricesConfig, ReportConfig, ReportSettings
from gmlm.report.report import build_report
from gmlm.report.usage import cost_of, read_usage
from gmlm.report.usage_pages import usage_text
from gmlm.usage.record import Energy, UsageRecord, record_key

PRICES = PricesConfig(cpu_core_hour=0.04, gpu_hour=2.5, kwh=0.30, grams_co2_per_kwh=350)
NO_RAPL = Energy(meter="rapl", reason="no readable RAPL counters (only root may read them)")


def energy(meter: Any, joules: float) -> Energy:
    return Energy(meter=meter, joules=joules, scope="whole GPUs", method="energy counters")


def add(study, node: str, attempt: str, hours: tuple[float, float, float], *energies: Energy) -> None:
    """An attempt with its hours of time, of CPU cores and of GPUs."""
    stage, _, name = node.partition("/")
    seconds, cpu_seconds, gpu_seconds = (3600 * figure for figure in hours)
    record = UsageRecord(
        stage=stage,
        name=name,
        fingerprint=study.nodes[node].fingerprint,
        progress="p",
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        gpu_seconds=gpu_seconds,
        energy=energies,
    )
    study.store.write(record_key(stage, name, attempt), record.to_bytes())


@pytest.fixture
def used(study):
    """Pre-training in two attempts, the first without readable RAPL; two cells of one model on CPUs alone."""
    add(study, "pretrain/continued", "one", (2, 4, 8), NO_RAPL, energy("nvml", 7.2e6))
    add(study, "pretrain/continued", "two", (1, 2, 4), energy("rapl", 1.8e6), energy("nvml", 3.6e6))
    add(study, "finetune/continued--findings--1", "one", (0.5, 1, 0), energy("rapl", 0.9e6))
    add(study, "finetune/continued--findings--2", "one", (0.25, 0.5, 0), NO_RAPL)
    return study


def usage_of(study, prices: PricesConfig | None = PRICES):
    nodes = ["pretrain/continued", "finetune/continued--findings--1", "finetune/continued--findings--2"]
    made = [study.nodes[node] for node in nodes]
    return read_usage(study.store, "sample", [(one.stage, one.name, one.fingerprint) for one in made], prices)


def test_the_cost_is_the_priced_hours_and_the_measured_energy():
    # 6 core-hours at 0.04, 12 GPU-hours at 2.50, 3.5 kWh at 0.30
    assert cost_of(6, 12, 3.5, PRICES) == pytest.approx(0.24 + 30 + 1.05)
    assert cost_of(6, 12, None, PRICES) == pytest.approx(30.24)
    assert cost_of(6, 12, 3.5, PricesConfig(kwh=0.5)) == 1.75
    assert cost_of(6, 12, None, PricesConfig(kwh=0.5)) is None


def test_attempts_and_seeds_add_up(used):
    pretraining, cells = usage_of(used).rows
    assert (pretraining.stage, pretraining.part, pretraining.outputs, pretraining.attempts) == (
        "pretrain",
        "continued",
        1,
        2,
    )
    assert (pretraining.hours, pretraining.core_hours, pretraining.gpu_hours) == (3, 6, 12)
    assert pretraining.kwh == {"rapl": 0.5, "nvml": 3.0}
    assert pretraining.cost == pytest.approx(31.29)
    assert pretraining.grams_co2 == pytest.approx(3.5 * 350)
    assert (cells.part, cells.outputs, cells.hours, cells.kwh) == ("continued", 2, 0.75, {"rapl": 0.25})


def test_what_was_measured_in_part_is_marked_and_what_was_not_is_named(used):
    usage = usage_of(used)
    assert (usage.rows[0].partly, usage.rows[1].partly, usage.total.whole) == (("rapl",), ("rapl",), False)
    assert usage.notes == (
        "rapl: measured, whole GPUs, by energy counters (2 of 4 processes)",
        "rapl: not measured, no readable RAPL counters (only root may read them) (2 of 4 processes)",
        "nvml: measured, whole GPUs, by energy counters (2 of 2 processes)",
        "the cost is without the energy that was not measured",
    )
    text = usage_text(usage)
    assert "0.5 (partly)" in text
    assert text.splitlines()[-1] == usage.notes[-1]


def test_without_prices_there_are_hours_and_energy_and_neither_cost_nor_grams(used):
    usage = usage_of(used, None)
    assert {(row.cost, row.grams_co2) for row in (*usage.rows, usage.total)} == {(None, None)}
    assert "EUR" not in usage_text(usage)
    assert usage.total.kwh == {"rapl": 0.75, "nvml": 3.0}


def test_without_meters_the_pages_say_that_nothing_was_measured(study):
    add(study, "pretrain/continued", "one", (2, 4, 0), NO_RAPL)
    report = build_report(ReportConfig(study="sample"), study.run("report/sample", "pretrain/continued"))
    assert report.files
    pages = {ending: study.store.read(f"usage/sample.{ending}").decode() for ending in ("md", "html", "json")}
    assert (
        "|---|---|---:|---:|---:|---:|---:|---:|\n| pretrain | continued | 1 | 1 | 2 | 4 | 0 | not measured |"
        in pages["md"]
    )
    cells = html.fromstring(pages["html"]).xpath("//tbody/tr[1]/*/text()")
    assert cells == ["pretrain", "continued", "1", "1", "2", "4", "0", "not measured"]
    assert json.loads(pages["json"])["rows"][0]["kwh"] == {"rapl": None}
    assert all("no readable RAPL" in page for page in pages.values())


def test_the_terminal_has_a_row_a_stage(used):
    made = [one for node, one in used.nodes.items() if node.startswith(("pretrain/continued", "finetune/continued"))]
    outputs = [(one.stage, one.name, one.fingerprint) for one in made]
    lines = usage_text(read_usage(used.store, "sample", outputs, None, by_part=False)).splitlines()
    assert lines[1].split()[:3] == ["stage", "outputs", "attempts"]
    assert [line.split()[:4] for line in lines[3:6]] == [
        ["pretrain", "1", "2", "3"],
        ["finetune", "2", "2", "0.75"],
        ["all", "3", "4", "3.75"],
    ]


def test_outputs_of_before_have_dashes_and_are_counted(study):
    usage = usage_of(study)
    assert usage.total.unrecorded == 3
    assert "pretrain  continued        1         0      –          –          –" in usage_text(usage)
    assert usage.notes[:2] == (
        "energy: not measured",
        "3 of 3 outputs have no record; their usage is not in the sums",
    )


def test_prices_are_shown_and_the_report_has_the_same_bytes_whatever_was_used(used, new_study):
    config = ReportConfig(study="sample", settings=ReportSettings(prices=PRICES))
    nodes = ("pretrain/base", "pretrain/continued")
    one = build_report(config, used.run("report/one", *nodes))
    first = used.store.read("usage/sample.md").decode()
    assert "cost in EUR" in first
    add(used, "pretrain/continued", "three", (1, 1, 1))
    two = build_report(config, used.run("report/two", *nodes))
    assert used.store.read("usage/sample.md").decode() != first
    assert one.files == two.files


def test_what_computed_the_outputs_is_noted(study):
    made = study.nodes["pretrain/continued"]
    for attempt, threads in (("one", "1"), ("two", "2"), ("three", "2")):
        add(study, "pretrain/continued", attempt, (1, 1, 0))
        key = record_key("pretrain", "continued", attempt)
        record = UsageRecord.model_validate_json(study.store.read(key))
        found = {"torch": "2.9", "processor": "x", "threads": threads}
        study.store.write(key, record.model_copy(update={"environment": found}).to_bytes())
    notes = read_usage(study.store, "sample", [(made.stage, made.name, made.fingerprint)], None).notes
    assert notes[-2:] == (
        "computed with torch 2.9, x, 1 thread (1 of 3 processes)",
        "computed with torch 2.9, x, 2 threads (2 of 3 processes)",
    )
