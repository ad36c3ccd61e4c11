"""What the report may show beside the figures."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gmlm.config.ablations import AblationPoint
from gmlm.config.base import Frozen, Name

Benchmark = Literal["clef-ehealth-2019", "radqa-de", "grascco", "bronco150", "ggponc2"]
"""Tasks whose published scores the report knows."""


class ReportSettings(Frozen):
    """Settings of the report."""

    public_tasks: tuple[Name, ...] = ()
    """Tasks whose texts anyone may read: only of these the report shows wrongly predicted examples with their text."""
    error_samples: int = Field(5, ge=0)
    """Wrongly predicted test examples shown of each public task and model."""
    published: dict[Name, Benchmark] = Field(default_factory=dict)
    """Published scores shown beside a task's own, where task, split and metric are the same."""


class ReportConfig(Frozen):
    """What the report stage is given."""

    study: str
    """Name of the study."""
    settings: ReportSettings = ReportSettings()
    """What it may show."""
    ablations: tuple[AblationPoint, ...] = ()
    """Values of the study's ablations."""
