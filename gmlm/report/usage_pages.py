"""The usage of a study as pages beside its report, and as plain text for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping

from gmlm.config import ReportConfig
from gmlm.manifest import Manifest
from gmlm.report.numbers import NOTHING, amount
from gmlm.report.provenance import in_order
from gmlm.report.render import escape_markdown, page_environment
from gmlm.report.summary import aligned
from gmlm.report.usage import Usage, UsageRow, read_usage
from gmlm.storage import Store

TITLES = {"rapl": "CPU kWh", "nvml": "GPU kWh"}
"""Heads of the columns of energy, by meter."""


def write_usage_pages(config: ReportConfig, store: Store, inputs: Mapping[str, Manifest]) -> None:
    """Write `usage/STUDY.html`, `.md` and `.json`: no outputs of the report, as they differ from run to run."""
    outputs = [(made.stage, made.name, made.fingerprint) for made in in_order(inputs).values()]
    usage = read_usage(store, config.study, outputs, config.settings.prices)
    table = usage_cells(usage)
    dump = json.dumps(usage.to_json(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    markdown = page_environment(finalize=escape_markdown).get_template("usage.md.j2")
    html = page_environment().get_template("usage.html.j2")
    store.write(f"usage/{config.study}.json", dump.encode())
    store.write(f"usage/{config.study}.md", markdown.render(usage=usage, table=table).encode())
    store.write(f"usage/{config.study}.html", html.render(usage=usage, table=table).encode())


def usage_cells(usage: Usage) -> list[tuple[str, ...]]:
    """The table as text, its head first and its sum last; columns of figures start with the third."""
    meters = [meter for meter in TITLES if meter in usage.total.kwh]
    head = ("stage", "part", "outputs", "attempts", "hours", "CPU hours", "GPU hours", *(TITLES[m] for m in meters))
    prices, extra = usage.prices, ()
    if prices is not None:
        extra = (f"cost in {prices.currency}", *(("g CO2e",) if prices.grams_co2_per_kwh is not None else ()))
    return [(*head, *extra), *(_cells(row, meters, len(extra)) for row in (*usage.rows, usage.total))]


def _cells(row: UsageRow, meters: list[str], extra: int) -> tuple[str, ...]:
    figures = (row.hours, row.core_hours, row.gpu_hours)
    hours = [NOTHING] * 3 if row.unrecorded == row.outputs else [amount(figure) for figure in figures]
    priced = (amount(row.cost), amount(row.grams_co2))[:extra]
    energy = (_energy(row, meter) for meter in meters)
    return (row.stage, row.part, str(row.outputs), str(row.attempts), *hours, *energy, *priced)


def _energy(row: UsageRow, meter: str) -> str:
    if meter not in row.kwh:
        return NOTHING
    kwh = row.kwh[meter]
    return "not measured" if kwh is None else amount(kwh) + (" (partly)" if meter in row.partly else "")


def usage_text(usage: Usage) -> str:
    """The table for a terminal, with a line for each note; without parts where its rows are whole stages."""
    rows = usage_cells(usage)
    if not any(row.part for row in usage.rows):
        rows = [(stage, *figures) for stage, _, *figures in rows]
    lines = aligned(rows, left=(0, rows[0].index("outputs") - 1))
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(["Time, energy and cost", *lines, *usage.notes])
