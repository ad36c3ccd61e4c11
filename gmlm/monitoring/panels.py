"""A dashboard as data: what each panel asks, in which unit, and when a value is bad. Grafana's JSON is made from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gmlm.telemetry import names
from gmlm.telemetry.names import MetricName

Kind = Literal["lines", "number", "bars"]
Unit = Literal["none", "short", "percentunit", "s", "bytes", "celsius", "watt", "currencyEUR"]


@dataclass(frozen=True)
class Query:
    """One expression of PromQL and the name of its series, with `{{label}}` for a label's value."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Threshold:
    """From this value on, the panel has this colour."""

    value: float
    color: Literal["green", "yellow", "red"]


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: Its title.
        description: What it shows and how to read it.
        queries: What it asks; each of them must have data in a run that does such work.
        unit: Unit of the values, by Grafana's name.
        kind: Lines over time, one number a series, or bars.
        width: Columns out of 24.
        thresholds: Ascending; below the first one it is green.
        log: Whether the axis is logarithmic.
    """

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: Unit = "short"
    kind: Kind = "lines"
    width: int = 8
    thresholds: tuple[Threshold, ...] = ()
    log: bool = False


@dataclass(frozen=True)
class Variable:
    """A choice at the top of a dashboard: all values of a label, or a text with a default."""

    name: str
    label: str
    query: str = ""
    text: str = ""


@dataclass(frozen=True)
class Annotation:
    """Marks moments at which an expression has a value."""

    name: str
    expr: str
    color: str


@dataclass(frozen=True)
class DashboardSpec:
    """One dashboard: rows of panels by the row's title, variables beside the study, annotations."""

    uid: str
    title: str
    description: str
    rows: dict[str, tuple[Panel, ...]]
    variables: tuple[Variable, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    panels: tuple[Panel, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "panels", tuple(panel for row in self.rows.values() for panel in row))


STUDY = 'study=~"$study"'
"""Label matcher of the chosen study."""
MODEL = 'study=~"$study",model=~"$model"'
"""Label matcher of the chosen study and models."""


def of(metric: MetricName, /, within: str = STUDY, part: str = "", **labels: str) -> str:
    """The selector of a metric in the chosen study: `gmlm_x{study=~"$study",stage="ingest"}`.

    Args:
        metric: The metric.
        within: Matcher of the study, or of study and models.
        part: `_sum` or `_count` of a histogram.
        labels: Values of labels; alternatives are separated by `|`, and `$name` is a variable of the dashboard.
    """
    matchers = [f'{label}{"=~" if set("|$") & set(value) else "="}"{value}"' for label, value in labels.items()]
    return f"{metric.name}{part}{{{','.join((within, *matchers))}}}"


def rate(metric: MetricName, /, within: str = STUDY, part: str = "", **labels: str) -> str:
    """A counter's growth a second."""
    return f"rate({of(metric, within, part, **labels)}[$__rate_interval])"


# A new series has not "changed": what was not there an interval ago counts too.
CHECKPOINTS = Annotation(
    "checkpoints",
    f"{of(names.CHECKPOINT)} unless {of(names.CHECKPOINT)} == {of(names.CHECKPOINT)} offset $__interval",
    "blue",
)
PHASES = Annotation(
    "phases begin", f"{of(names.RUNNING)} == 1 unless {of(names.RUNNING)} offset $__interval == 1", "purple"
)
MODELS = Variable("model", "Model", f"label_values({names.STEP.name}{{{STUDY}}}, model)")
