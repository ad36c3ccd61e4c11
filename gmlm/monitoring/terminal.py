"""`gmlm monitor`: the figures of a run as tables in the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gmlm.monitoring.figures import Figures, Score, Stage, Training
from gmlm.monitoring.sources import ExporterSource, LogSource, PrometheusSource, Source
from gmlm.monitoring.units import in_unit

EXPORTER = "http://127.0.0.1:9464/metrics"
"""Where a run on this machine serves its metrics by the documented port."""
CLEAR = "\033[2J\033[H"
"""Clears a terminal."""


def open_source(study: str | None, prometheus: str | None, exporter: str | None, log: Path | None) -> Source:
    """The source that is named; by default the exporter of a run on this machine."""
    name = study_name(study)
    if prometheus is not None:
        return PrometheusSource(prometheus, name)
    if log is not None:
        return LogSource(log)
    return ExporterSource(exporter or EXPORTER, name)


def study_name(study: str | None) -> str | None:
    """The name of a study that is given by name or by file."""
    if study is None or not study.endswith((".yaml", ".yml")):
        return study
    from gmlm.config import load_study

    return load_study(Path(study)).name


def watch(source: Source, show: Callable[[str], None], every: float | None) -> None:
    """Show the figures once, or again and again every so many seconds until Ctrl-C."""
    while True:
        text = render(source.figures())
        show(text if every is None else CLEAR + text)
        if every is None:
            return
        time.sleep(every)


def render(figures: Figures) -> str:
    """All figures as tables."""
    parts = [_stages(figures.stages), _trainings(figures.trainings), _scores(figures.scores)]
    return "\n\n".join(part for part in parts if part) or "nothing is known of a run yet"


def _trainings(trainings: Sequence[Training]) -> str:
    header = ("training", "steps", "loss", "rate", "gradient", "tokens/s", "MFU", "data wait", "left", "checkpoint")
    rows = [
        (
            f"{'*' if each.running else ' '} {each.name}",
            f"{each.step} of {each.steps}",
            _number(each.loss),
            _number(each.learning_rate),
            _number(each.gradient_norm),
            "-" if each.tokens_per_second is None else in_unit(each.tokens_per_second, "short"),
            _share(each.utilisation),
            _share(each.data_wait),
            _time(each.seconds_left if each.running else None),
            _time(each.since_checkpoint, " ago"),
        )
        for each in trainings
    ]
    return _table(header, rows)


def _stages(stages: Sequence[Stage]) -> str:
    rows = [
        (
            f"{'*' if each.running else ' '} {each.name}",
            "-" if each.progress is None else _share(each.progress),
            ", ".join(f"{count} {outcome}" for outcome, count in sorted(each.outcomes.items()) if count),
        )
        for each in stages
    ]
    return _table(("stage", "progress", "nodes"), rows)


def _scores(scores: Sequence[Score]) -> str:
    rows = [
        (
            each.task,
            each.model,
            each.metric,
            f"{each.value:.4g}",
            "-" if each.low is None or each.high is None else f"{each.low:.4g} to {each.high:.4g}",
        )
        for each in scores
    ]
    return _table(("task", "model", "metric", "score", "interval"), rows)


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)]
    return "\n".join(line.rstrip() for line in lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    return "-" if value is None else in_unit(value, "percentunit")


def _time(seconds: float | None, suffix: str = "") -> str:
    return "-" if seconds is None else in_unit(seconds, "s") + suffix
