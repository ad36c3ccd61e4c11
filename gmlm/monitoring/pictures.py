"""Draws the dashboards from the answers of a real Prometheus: `python -m gmlm.monitoring.pictures URL START END`.

The pictures show the same panels, queries and units as Grafana would, in its arrangement; they are drawn by matplotlib
and are no screenshots.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gmlm.monitoring.answers import Answer, Window, ask, defaults, moments
from gmlm.monitoring.dashboards import DASHBOARDS
from gmlm.monitoring.panels import DashboardSpec, Panel
from gmlm.monitoring.prometheus import Prometheus
from gmlm.monitoring.units import in_unit

COLORS = ("#3274d9", "#e0752d", "#56a64b", "#b877d9", "#e02f44", "#8ab8ff", "#f2cc0c", "#37872d", "#ff9830", "#7c2ea3")
THRESHOLDS = {"green": "#56a64b", "yellow": "#f2cc0c", "red": "#e02f44"}
COLUMNS = 24
ROW_INCHES = 2.6
GAP = 5.0
"""Space between two columns, in widths of a column."""
MOST_SERIES = 8
"""Series named in a legend."""


def draw(
    prometheus: Prometheus, dashboard: DashboardSpec, window: Window, target: Path, variables: Mapping[str, str]
) -> None:
    """Draw one dashboard into a PNG file."""
    from matplotlib.figure import Figure

    lines = _arranged(dashboard)
    height = ROW_INCHES * len(lines) + 1.0
    figure = Figure(figsize=(16, height))
    begun, ended = (datetime.fromtimestamp(t, UTC).strftime("%H:%M:%S") for t in (window.start, window.end))
    figure.suptitle(f"{dashboard.title}    {begun} to {ended} UTC", fontsize=13, x=0.01, ha="left", y=1 - 0.2 / height)
    margins = {"left": 0.045, "right": 0.99, "top": 1 - 0.75 / height, "bottom": 0.35 / height}
    grid = figure.add_gridspec(len(lines), COLUMNS, **margins, hspace=0.45, wspace=GAP)
    marks = [(mark.color, moments(prometheus, mark, window, variables)) for mark in dashboard.annotations]
    for row, panels in enumerate(lines):
        column = 0
        for panel in panels:
            axes = figure.add_subplot(grid[row, column : column + panel.width])
            _draw_panel(axes, panel, ask(prometheus, panel, window, variables), marks)
            column += panel.width
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=70)
    _shrink(target)


def _shrink(target: Path) -> None:
    """255 colours will do, and take half of the space."""
    from PIL import Image

    with Image.open(target) as picture:
        small = picture.convert("RGB").quantize(255, method=Image.Quantize.FASTOCTREE)
    small.save(target, optimize=True)


def _arranged(dashboard: DashboardSpec) -> list[list[Panel]]:
    """The panels line by line, as Grafana fills its 24 columns."""
    lines: list[list[Panel]] = []
    for row in dashboard.rows.values():
        lines.append([])
        for panel in row:
            if sum(other.width for other in lines[-1]) + panel.width > COLUMNS:
                lines.append([])
            lines[-1].append(panel)
    return lines


def _draw_panel(axes: Any, panel: Panel, answers: list[Answer], marks: list[tuple[str, list[float]]]) -> None:
    axes.set_title(panel.title, fontsize=10, loc="left")
    axes.tick_params(labelsize=7)
    series = [(name, found.finite) for answer in answers for name, found in answer.series]
    if not series:
        axes.text(0.5, 0.5, "no data", ha="center", va="center", color="grey", transform=axes.transAxes)
        axes.set_axis_off()
    elif panel.kind == "number":
        _draw_number(axes, panel, series)
    elif panel.kind == "bars":
        _draw_bars(axes, panel, series)
    else:
        _draw_lines(axes, panel, series, marks)


def _draw_lines(axes: Any, panel: Panel, series: list[tuple[str, Any]], marks: list[tuple[str, list[float]]]) -> None:
    for index, (name, points) in enumerate(series):
        times = [datetime.fromtimestamp(moment, UTC) for moment, _ in points]
        label = name if index < MOST_SERIES else None
        shape = {"marker": "."} if len(points) < 3 else {}
        axes.plot(times, [v for _, v in points], color=COLORS[index % len(COLORS)], linewidth=1.2, label=label, **shape)
    for color, times_of_mark in marks:
        for moment in times_of_mark:
            axes.axvline(datetime.fromtimestamp(moment, UTC), color=color, linewidth=0.6, alpha=0.4, linestyle=":")
    for threshold in panel.thresholds:
        axes.axhline(threshold.value, color=THRESHOLDS[threshold.color], linewidth=0.7, linestyle="--")
    _format(axes.yaxis, panel)
    if panel.log:
        axes.set_yscale("log")
    else:
        axes.locator_params(axis="y", nbins=5)
    from matplotlib.dates import DateFormatter

    axes.xaxis.set_major_formatter(DateFormatter("%H:%M:%S"))
    axes.grid(alpha=0.25)
    axes.legend(fontsize=5.5, loc="upper right", ncols=2 if len(series) > 3 else 1, framealpha=0.6)


def _draw_number(axes: Any, panel: Panel, series: list[tuple[str, Any]]) -> None:
    text = "\n".join(
        f"{in_unit(points[-1][1], panel.unit)}" + (f"  {name}" if len(series) > 1 else "")
        for name, points in series[:5]
    )
    worst = max(points[-1][1] for _, points in series)
    size = 26 if len(series) == 1 else 11
    axes.text(
        0.5, 0.5, text, ha="center", va="center", fontsize=size, color=_color(panel, worst), transform=axes.transAxes
    )
    axes.set_axis_off()


def _draw_bars(axes: Any, panel: Panel, series: list[tuple[str, Any]]) -> None:
    last = [(name, points[-1][1]) for name, points in series][::-1]
    places = range(len(last))
    axes.barh(places, [value for _, value in last], color=[_color(panel, value) for _, value in last], alpha=0.45)
    for place, (name, value) in zip(places, last, strict=True):
        text = f"{name}: {in_unit(value, panel.unit)}"
        axes.text(0.01, place, text, va="center", fontsize=6.5, transform=axes.get_yaxis_transform())
    axes.set_yticks([])
    _format(axes.xaxis, panel)
    axes.grid(axis="x", alpha=0.25)


def _color(panel: Panel, value: float) -> str:
    reached = [threshold.color for threshold in panel.thresholds if value >= threshold.value]
    return THRESHOLDS[reached[-1] if reached else "green"]


def _format(axis: Any, panel: Panel) -> None:
    axis.set_major_formatter(lambda value, _: in_unit(value, panel.unit))


def main() -> None:
    """Draw all dashboards into a folder."""
    parser = argparse.ArgumentParser(description="Draw the dashboards from a Prometheus server.")
    parser.add_argument("url", help="such as http://localhost:9090")
    parser.add_argument("--minutes", type=float, default=60.0, help="how far back")
    parser.add_argument("--end", type=float, default=None, help="Unix time of the end; default: now")
    parser.add_argument("--study", default=".*", help="name of the study")
    parser.add_argument("--scrape-interval", type=float, default=15.0, help="seconds between two scrapes")
    parser.add_argument("--output", type=Path, default=Path("docs/images"), help="folder of the pictures")
    given = parser.parse_args()
    end = given.end or time.time()
    window = Window(end - 60 * given.minutes, end, given.scrape_interval)
    for dashboard in DASHBOARDS:
        variables = {**defaults(dashboard), "study": given.study}
        draw(Prometheus(given.url), dashboard, window, given.output / f"{dashboard.uid}.png", variables)


if __name__ == "__main__":
    main()
