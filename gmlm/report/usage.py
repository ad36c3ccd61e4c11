"""Time, energy and cost of a study's outputs, from the records of what work has used.

These figures differ from run to run. The report's bytes do not, so they have pages of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_jsonable_python

from gmlm.config import PricesConfig
from gmlm.storage import Store
from gmlm.usage.environment import described
from gmlm.usage.record import UsageRecord, records_of

HOUR = 3600
KWH = 3.6e6
"""Joules of a kilowatt-hour."""
METERS = ("rapl", "nvml")

Output = tuple[str, str, str]
"""Stage, name and fingerprint of a finished output."""


@dataclass(frozen=True)
class UsageRow:
    """What one model or part has used in one stage, over all its outputs and attempts.

    `kwh` has an entry for each meter that the work called for: null where nothing was measured. Those in `partly` lack
    some of the attempts. Cost and grams of CO2 hold what is priced and measured; null where nothing is.
    """

    stage: str
    part: str
    outputs: int
    unrecorded: int
    """Outputs that were made before there were records."""
    attempts: int
    hours: float
    core_hours: float
    gpu_hours: float
    kwh: dict[str, float | None]
    partly: tuple[str, ...]
    cost: float | None
    grams_co2: float | None

    @property
    def measured_kwh(self) -> float | None:
        """Over all meters; None where nothing was measured."""
        return _sum(self.kwh.values())

    @property
    def whole(self) -> bool:
        """Whether all energy that was to be measured was."""
        return bool(self.kwh) and not self.partly and None not in self.kwh.values()


@dataclass(frozen=True)
class Usage:
    """The usage of a study: rows in running order, their sum, and what was measured by what."""

    study: str
    rows: tuple[UsageRow, ...]
    total: UsageRow
    prices: PricesConfig | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """All figures as JSON values."""
        dumped: dict[str, Any] = to_jsonable_python(self)
        return dumped


def read_usage(
    store: Store, study: str, outputs: Iterable[Output], prices: PricesConfig | None, *, by_part: bool = True
) -> Usage:
    """Add up the records of finished outputs: one row for each stage and model, or other part, or for each stage."""
    found: dict[tuple[str, str], list[list[UsageRecord]]] = {}
    for stage, name, fingerprint in outputs:
        row = (stage, part_of(name) if by_part else "")
        found.setdefault(row, []).append(records_of(store, stage, name, fingerprint))
    rows = tuple(usage_row(stage, part, outputs, prices) for (stage, part), outputs in found.items())
    everything = [records for outputs in found.values() for records in outputs]
    total = usage_row("all", "", everything, prices)
    return Usage(study, rows, total, prices, tuple(_notes(total, everything, prices)))


def part_of(name: str) -> str:
    """The model of a cell `MODEL--TASK--SEED`, the translator of a score; other names as they are."""
    return name.partition("--")[0]


def usage_row(stage: str, part: str, outputs: Sequence[list[UsageRecord]], prices: PricesConfig | None) -> UsageRow:
    """The sums over the records of some outputs."""
    records = [record for made in outputs for record in made]
    hours = sum(record.seconds for record in records) / HOUR
    core_hours = sum(record.cpu_seconds for record in records) / HOUR
    gpu_hours = sum(record.gpu_seconds for record in records) / HOUR
    joules = {meter: [e.joules for r in records for e in r.energy if e.meter == meter] for meter in METERS}
    kwh = {meter: _sum(value and value / KWH for value in values) for meter, values in joules.items() if values}
    energy = _sum(kwh.values())
    return UsageRow(
        stage=stage,
        part=part,
        outputs=len(outputs),
        unrecorded=sum(not made for made in outputs),
        attempts=sum(record.seconds > 0 for record in records),
        hours=hours,
        core_hours=core_hours,
        gpu_hours=gpu_hours,
        kwh=kwh,
        partly=tuple(meter for meter, values in joules.items() if None in values and kwh[meter] is not None),
        cost=None if prices is None or not records else cost_of(core_hours, gpu_hours, energy, prices),
        grams_co2=None if prices is None else _times(energy, prices.grams_co2_per_kwh),
    )


def cost_of(core_hours: float, gpu_hours: float, kwh: float | None, prices: PricesConfig) -> float | None:
    """What is priced and measured, together; None where nothing is."""
    return _sum(
        (
            _times(core_hours, prices.cpu_core_hour),
            _times(gpu_hours, prices.gpu_hour),
            _times(kwh, prices.kwh),
        )
    )


def _times(amount: float | None, price: float | None) -> float | None:
    return None if amount is None or price is None else amount * price


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _notes(total: UsageRow, outputs: Sequence[list[UsageRecord]], prices: PricesConfig | None) -> Iterable[str]:
    records = [record for made in outputs for record in made]
    entries = [entry for record in records for entry in record.energy]
    for meter in METERS:
        of_meter = [entry for entry in entries if entry.meter == meter]
        words = Counter(
            f"measured, {e.scope}, by {e.method}" if e.joules is not None else f"not measured, {e.reason}"
            for e in of_meter
        )
        for text, count in sorted(words.items()):
            yield f"{meter}: {text} ({count} of {len(of_meter)} processes)"
    if not entries:
        yield "energy: not measured"
    if total.unrecorded:
        yield f"{total.unrecorded} of {total.outputs} outputs have no record; their usage is not in the sums"
    if prices is not None and prices.kwh is not None and not total.whole:
        yield "the cost is without the energy that was not measured"
    environments = Counter(described(record.environment) for record in records if record.environment)
    for text, count in sorted(environments.items()):
        yield f"computed with {text} ({count} of {len(records)} processes)"
