"""What the report may show beside the figures."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from gmlm.config.ablations import AblationPoint
from gmlm.config.base import Frozen, Name
from gmlm.config.catalogue import entry_of


class PricesConfig(Frozen):
    """What hours and energy cost. Each is optional, and what has no price is left out of the cost, never guessed."""

    currency: str = "EUR"
    """Unit of the prices."""
    cpu_core_hour: float | None = Field(None, ge=0)
    """An hour of one CPU core at full use."""
    gpu_hour: float | None = Field(None, ge=0)
    """An hour of one GPU, used or idle."""
    kwh: float | None = Field(None, ge=0)
    """A kilowatt-hour; leave it out where the hours include it."""
    grams_co2_per_kwh: float | None = Field(None, ge=0)
    """Grams of CO2 equivalent that a kilowatt-hour stands for, from your supplier or your grid."""


class ReportSettings(Frozen):
    """Settings of the report."""

    public_tasks: tuple[Name, ...] = ()
    """Tasks whose texts anyone may read: only of these the report shows wrongly predicted examples with their text."""
    error_samples: int = Field(5, ge=0)
    """Wrongly predicted test examples shown of each public task and model."""
    published: dict[Name, Name] = Field(default_factory=dict)
    """Published scores shown beside a task's own, by the name of the task in the [catalogue](tasks.md); a task that is
    taken from the catalogue has them anyhow."""
    prices: PricesConfig | None = None
    """Prices for [usage](usage.md); without them it has hours and kilowatt-hours only."""

    @model_validator(mode="after")
    def _scores_are_published(self) -> Self:
        for name in self.published.values():
            if not entry_of(name).published:
                raise ValueError(f"the catalogue knows no published scores of {name!r}")
        return self


class ReportConfig(Frozen):
    """What the report stage is given."""

    study: str
    """Name of the study."""
    settings: ReportSettings = ReportSettings()
    """What it may show."""
    ablations: tuple[AblationPoint, ...] = ()
    """Values of the study's ablations."""
