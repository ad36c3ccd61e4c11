"""Asks what a dashboard asks: fills in Grafana's variables, runs the queries of each panel, names the series."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gmlm.monitoring.panels import Annotation, DashboardSpec, Panel, Query
from gmlm.monitoring.prometheus import Prometheus, Series

POINTS = 240
"""Points of a line, about."""


@dataclass(frozen=True)
class Window:
    """A span of time in Unix seconds, and how often Prometheus scraped in it."""

    start: float
    end: float
    scrape_interval: float = 15.0

    @property
    def step(self) -> float:
        """Seconds between two points."""
        return max((self.end - self.start) / POINTS, self.scrape_interval)


@dataclass(frozen=True)
class Answer:
    """What one query of a panel gave: the series by the names of its legend."""

    query: Query
    series: tuple[tuple[str, Series], ...]


def expand(expr: str, window: Window, variables: Mapping[str, str]) -> str:
    """The expression with `$study`, `$__rate_interval` and the like filled in as Grafana would."""
    span = window.end - window.start
    values = {
        "__rate_interval": f"{max(4 * window.scrape_interval, window.step):.0f}s",
        "__interval": f"{max(window.step, 2 * window.scrape_interval):.0f}s",
        "__range": f"{span:.0f}s",
        "__range_s": f"{span:.0f}",
        **variables,
    }
    return re.sub(r"\$(\w+)", lambda match: values.get(match[1], ".*"), expr)


def ask(prometheus: Prometheus, panel: Panel, window: Window, variables: Mapping[str, str]) -> list[Answer]:
    """Run the queries of a panel over the window."""
    answers = []
    for query in panel.queries:
        expr = expand(query.expr, window, variables)
        found = prometheus.query_range(expr, window.start, window.end, window.step)
        answers.append(Answer(query, tuple((legend(query.legend, each.labels), each) for each in found if each.finite)))
    return answers


def moments(
    prometheus: Prometheus, annotation: Annotation, window: Window, variables: Mapping[str, str]
) -> list[float]:
    """The times at which an annotation is drawn; those that follow each other without a gap are one."""
    expr = expand(annotation.expr, window, variables)
    found = prometheus.query_range(expr, window.start, window.end, window.step)
    times = sorted({time for series in found for time, _ in series.points})
    return [time for before, time in zip([-math.inf, *times], times, strict=False) if time - before > 1.5 * window.step]


def silent_queries(
    prometheus: Prometheus, dashboard: DashboardSpec, window: Window, variables: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Title and expression of each query of a dashboard that has no data."""
    for panel in dashboard.panels:
        for answer in ask(prometheus, panel, window, variables):
            if not answer.series:
                yield panel.title, answer.query.expr


def legend(pattern: str, labels: Mapping[str, str]) -> str:
    """A legend such as `{{stage}} {{model}}` with the labels' values."""
    filled = re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: labels.get(match[1], ""), pattern)
    return " ".join(filled.split())


def defaults(dashboard: DashboardSpec) -> dict[str, str]:
    """What a dashboard's variables are before anybody chooses: everything, or their text."""
    chosen = {variable.name: variable.text or ".*" for variable in dashboard.variables}
    return {"study": ".*", **chosen}
