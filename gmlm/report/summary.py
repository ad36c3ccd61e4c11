"""The headline as plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gmlm.report.headline import Headline, Score, read_headline
from gmlm.report.numbers import interval, p_value, score, signed, signed_interval

_LEFT = (0, 1, 5)
"""Columns of words, and of p values, whose marks would tear their digits apart."""


def summary_table(scores: Mapping[str, Any], evaluation: Mapping[str, Any] | None = None) -> str:
    """Evaluate's `scores.json` as an aligned table, with a line on how to read it.

    `evaluation` is the evaluation's configuration, as in its manifest; level and planned cells are taken from it.
    The p values are those after Holm's correction over all comparisons; `*` marks the ones below the level.
    """
    headline = read_headline(scores, evaluation)
    if not headline.tasks:
        return "No task was scored."
    header = ("task", "model", "score", f"{headline.confidence:.0%} interval", "difference", "p (Holm)")
    rows = [_row(task.metric, row) for task in headline.tasks for row in task.scores]
    lines = aligned([header, *rows], left=_LEFT)
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join([*lines, *_notes(headline)])


def _row(metric: str, row: Score) -> tuple[str, ...]:
    comparison = row.comparison
    task = f"{row.task} ({metric})"
    if comparison is None:
        return (
            task,
            row.model,
            score(row.mean),
            interval(row.low, row.high),
            "baseline" if row.is_baseline else "",
            "",
        )
    difference = f"{signed(comparison.difference)} {signed_interval(comparison.low, comparison.high)}"
    p = p_value(comparison.p_holm) + (" *" if comparison.significant else "")
    return (task, row.model, score(row.mean), interval(row.low, row.high), difference, p)


def aligned(rows: Sequence[Sequence[str]], *, left: Collection[int]) -> list[str]:
    """The rows of a table as lines; columns are aligned to the right but for those of the numbers in `left`."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            text.ljust(widths[column]) if column in left else text.rjust(widths[column])
            for column, text in enumerate(row)
        ).rstrip()
        for row in rows
    ]


def _notes(headline: Headline) -> list[str]:
    notes = []
    if headline.comparisons:
        notes.append(
            f"* significant at {headline.level:g} after Holm's correction over {headline.comparisons} comparisons"
        )
    if headline.missing:
        notes.append(f"missing cells: {', '.join(headline.missing)}")
    return notes
