"""The report's plots. Each is small enough to be read on a phone, and carries its figures as text as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from markupsafe import Markup

from gmlm.report.ablations import Ablation
from gmlm.report.content import Content
from gmlm.report.headline import TaskScores
from gmlm.report.histogram import Histogram
from gmlm.report.learning import Learning
from gmlm.report.numbers import count as thousands
from gmlm.report.numbers import decimal, interval, score, signed, signed_interval
from gmlm.report.pretraining import Point, Pretraining
from gmlm.report.svg import COLOURS, figure, to_svg
from gmlm.report.translation import Translation

WIDTH = 272
"""Width of a plot in points; the page shows it at about this size in pixels."""


@dataclass(frozen=True)
class Plot:
    """An SVG with its caption and, for those who do not see it, its content in words."""

    svg: Markup
    caption: str
    description: str


@dataclass(frozen=True)
class Plots:
    """All plots of a report, by section."""

    scores: tuple[Plot, ...]
    differences: tuple[Plot, ...]
    ablations: tuple[Plot, ...]
    losses: tuple[Plot, ...]
    learning: tuple[Plot, ...]
    ratios: tuple[Plot, ...]
    lengths: tuple[Plot, ...]


def draw(content: Content) -> Plots:
    """Draw every plot that the content has figures for."""
    names = (f"p{number}" for number in count())
    tasks = content.headline.tasks if content.headline else ()
    limits = _difference_limits(tasks)
    return Plots(
        scores=tuple(_scores(task, next(names)) for task in tasks if any(row.seeds for row in task.scores)),
        differences=tuple(
            _differences(task, limits, next(names)) for task in tasks if any(r.comparison for r in task.scores)
        ),
        ablations=tuple(_ablation(made, next(names)) for made in content.ablations),
        losses=tuple(
            _losses(model, next(names)) for model in content.pretraining if any(p.curve for p in model.phases)
        ),
        learning=tuple(_learning(task, next(names)) for task in content.learning),
        ratios=tuple(_ratios(made, next(names)) for made in content.translations if made.ratios),
        lengths=tuple(
            _lengths(made.node, made.lengths, next(names)) for made in content.documents if made.lengths is not None
        ),
    )


def _scores(task: TaskScores, name: str) -> Plot:
    """Every seed as a dot, the mean with its interval as a bar."""
    rows = list(reversed(task.scores))
    with figure(WIDTH, 52 + 30 * len(rows)) as (made, axes):
        for y, row in enumerate(rows):
            colour = COLOURS["muted"] if row.is_baseline else COLOURS["first"]
            if row.mean is None:
                axes.text(0.5, y, "missing", transform=axes.get_yaxis_transform(), ha="center", va="center")
                continue
            if row.low is not None and row.high is not None:
                axes.plot(
                    [100 * row.low, 100 * row.high], [y, y], color=colour, linewidth=5, alpha=0.3, solid_capstyle="butt"
                )
            values = [100 * value for value in row.seeds.values()]
            axes.plot(values, [y] * len(values), "o", color=colour, markersize=4, alpha=0.85)
            axes.plot([100 * row.mean], [y], "|", color=COLOURS["ink"], markersize=14, markeredgewidth=1.6)
        _model_axis(axes, [row.model for row in rows])
        axes.set_xlabel(task.metric)
        svg = to_svg(made, name)
    words = (f"{row.model} {score(row.mean)} {interval(row.low, row.high)}".strip() for row in task.scores)
    return Plot(Markup(svg), task.task, f"{task.metric} on {task.task}: {'; '.join(words)}.")


def _difference_limits(tasks: Sequence[TaskScores]) -> tuple[float, float]:
    """One scale for the differences of all tasks, so that they can be compared by eye."""
    found = [row.comparison for task in tasks for row in task.scores if row.comparison]
    low, high = min((c.low for c in found), default=0.0), max((c.high for c in found), default=0.0)
    margin = 0.06 * (max(high, 0.0) - min(low, 0.0)) or 0.01
    return 100 * (min(low, 0.0) - margin), 100 * (max(high, 0.0) + margin)


def _differences(task: TaskScores, limits: tuple[float, float], name: str) -> Plot:
    """Forest plot of the differences to the baseline."""
    rows = [(row.model, row.comparison) for row in reversed(task.scores) if row.comparison is not None]
    with figure(WIDTH, 52 + 30 * len(rows)) as (made, axes):
        axes.axvline(0, color=COLOURS["muted"], linewidth=1)
        for y, (_, found) in enumerate(rows):
            sign = "first" if found.difference > 0 else "second"
            colour = COLOURS[sign if found.significant else "muted"]
            axes.plot([100 * found.low, 100 * found.high], [y, y], color=colour, linewidth=1.8)
            face = colour if found.significant else "none"
            axes.plot([100 * found.difference], [y], "s", color=colour, markerfacecolor=face, markersize=6)
        _model_axis(axes, [model for model, _ in rows])
        axes.set_xlim(*limits)
        axes.set_xlabel("points above the baseline")
        svg = to_svg(made, name)
    words = (
        f"{model} {signed(found.difference)} {signed_interval(found.low, found.high)}"
        for model, found in reversed(rows)
    )
    return Plot(Markup(svg), task.task, f"Difference to the baseline on {task.task}, in points: {'; '.join(words)}.")


def _ablation(made: Ablation, name: str) -> Plot:
    """Scores by the value that is varied, a line with its intervals for each model."""
    colours = [COLOURS[key] for key in ("first", "second", "third", "muted", "ink")]
    ticks = made.ticks
    with figure(WIDTH, 185) as (drawn, axes):
        for number, (series, points) in enumerate(made.lines.items()):
            colour, places = colours[number % len(colours)], [ticks.index(point.value) for point in points]
            axes.plot(places, [100 * point.mean for point in points], "o-", color=colour, markersize=4, label=series)
            lows, highs = [100 * point.low for point in points], [100 * point.high for point in points]
            axes.vlines(places, lows, highs, color=colour, linewidth=5, alpha=0.3)
        axes.set_xticks(range(len(ticks)), [str(value) for value in ticks])
        axes.set_xlabel(made.setting.replace("_", " "))
        axes.set_ylabel(made.metric)
        if len(made.lines) > 1:
            axes.legend(loc="best")
        svg = to_svg(drawn, name)
    words = (
        f"{series} {', '.join(f'{score(p.mean)} at {p.value}' for p in points)}"
        for series, points in made.lines.items()
    )
    description = f"{made.metric} on {made.task} by {made.setting.replace('_', ' ')}: {'; '.join(words)}."
    return Plot(Markup(svg), f"{made.name}: {made.task}", description)


def _model_axis(axes: Any, models: Sequence[str]) -> None:
    axes.set_yticks(range(len(models)), models)
    axes.set_ylim(-0.6, len(models) - 0.4)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)


def _losses(model: Pretraining, name: str) -> Plot:
    """Loss over the steps of all phases; held-out loss as squares."""
    with figure(WIDTH, 185) as (made, axes):
        start = 0
        for number, phase in enumerate(model.phases):
            labels = ("training", "held out") if number == 0 else (None, None)
            steps = [start + point.step for point in phase.curve]
            axes.plot(steps, [p.loss for p in phase.curve], color=COLOURS["first"], label=labels[0])
            held_out = [start + point.step for point in phase.holdout]
            losses = [point.loss for point in phase.holdout]
            axes.plot(held_out, losses, "s--", color=COLOURS["second"], markersize=4, linewidth=1, label=labels[1])
            if number:
                axes.axvline(start, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
            start += phase.steps
        axes.set_xlabel("step")
        axes.set_ylabel("loss in nats")
        axes.legend(loc="upper right")
        svg = to_svg(made, name)
    words = (
        f"{phase.corpus}, {thousands(phase.steps)} steps: {_course(phase.curve, phase.holdout_loss)}"
        for phase in model.phases
    )
    return Plot(Markup(svg), model.model, f"Loss of {model.model} over {'; '.join(words)}.")


def _course(curve: Sequence[Point], holdout: float | None) -> str:
    first, last = curve[0], curve[-1]
    return f"training loss from {decimal(first.loss)} to {decimal(last.loss)}, held-out loss {decimal(holdout)}"


def _learning(task: Learning, name: str) -> Plot:
    """Training loss over the steps, a line a model."""
    colours = [COLOURS[key] for key in ("first", "second", "third", "muted", "ink")]
    with figure(WIDTH, 185) as (made, axes):
        for number, (model, curve) in enumerate(task.curves.items()):
            style = ("-", "--", ":")[number // len(colours) % 3]
            points = [point.step for point in curve], [point.loss for point in curve]
            axes.plot(*points, style, color=colours[number % len(colours)], label=model)
        axes.set_xlabel("step")
        axes.set_ylabel("training loss")
        axes.legend(loc="upper right")
        svg = to_svg(made, name)
    ends = (f"{model} from {decimal(c[0].loss)} to {decimal(c[-1].loss)}" for model, c in task.curves.items() if c)
    return Plot(Markup(svg), task.task, f"Training loss on {task.task}: {'; '.join(ends)}.")


def _ratios(made: Translation, name: str) -> Plot:
    limits = [limit for limit in (made.min_length_ratio, made.max_length_ratio) if limit is not None]
    assert made.ratios is not None
    words = f"German words per English word in {made.name}"
    return _bars(made.ratios, name, made.name, words, "German words per English word", lambda edge: f"{edge:g}", limits)


def _lengths(node: str, lengths: Histogram, name: str) -> Plot:
    return _bars(lengths, name, node, f"Document lengths of {node} in characters", "characters", _thousand)


def _thousand(edge: float) -> str:
    return f"{edge / 1000:g}k" if edge >= 1000 else f"{edge:g}"


def _bars(
    histogram: Histogram,
    name: str,
    caption: str,
    words: str,
    label: str,
    edge_text: Callable[[float], str],
    limits: Sequence[float] = (),
) -> Plot:
    """Counts by bin, drawn at equal widths; `limits` are marked, which takes bins of equal width that start at 0."""
    edges, shares = histogram.edges, [n / histogram.values for n in histogram.counts]
    with figure(WIDTH, 165) as (made, axes):
        axes.bar([i + 0.5 for i in range(len(shares))], [100 * s for s in shares], width=0.92, color=COLOURS["first"])
        step = max(1, len(edges) // 5)
        axes.set_xticks(range(0, len(edges), step), [edge_text(edge) for edge in edges[::step]])
        for limit in limits:
            axes.axvline(limit / edges[1], color=COLOURS["second"], linewidth=1.2, linestyle="--")
        axes.set_xlim(0, len(shares))
        axes.set_xlabel(label)
        axes.set_ylabel("share in %")
        axes.grid(axis="x", visible=False)
        svg = to_svg(made, name)
    median, low, high = (histogram.quantiles[key] for key in ("50", "5", "95"))
    summary = f"median {median:g}, 5 to 95 percent of the values from {low:g} to {high:g}"
    return Plot(Markup(svg), caption, f"{words}: {summary}.")
