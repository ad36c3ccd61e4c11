"""Commands that run stages of a study."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gmlm.commands.options import (
    Force,
    LogFormat,
    LogLevel,
    MetricsPort,
    Pushgateway,
    StoreUri,
    StudyPath,
    Workers,
)

if TYPE_CHECKING:
    from gmlm.study.selection import Selection


def run(
    study: StudyPath,
    start: Annotated[str | None, typer.Option("--from", help="Run this stage and all that needs it.")] = None,
    only: Annotated[str | None, typer.Option(help="Run this stage or node (such as pretrain/base) alone.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would run.")] = False,
    force: Force = False,
    store: StoreUri = None,
    workers: Workers = None,
    metrics_port: MetricsPort = None,
    pushgateway: Pushgateway = None,
    log_format: LogFormat = "text",
    log_level: LogLevel = "warning",
) -> None:
    """Run a study; run again, it resumes: finished stages are recognised."""
    from gmlm.study import commands
    from gmlm.study.selection import Selection

    selection = Selection(only=only, start=start, force=force)
    if dry_run:
        typer.echo(commands.dry_run(study, selection, store=store))
        return
    _use_workers(workers)
    _configure_telemetry(metrics_port, log_format, log_level)
    _run(study, selection, store, pushgateway)


def stage_command(name: str) -> Callable[..., None]:
    """The command that runs the stages that belong to a command's name."""

    def command(
        study: StudyPath,
        name_of_part: Annotated[str | None, typer.Option("--name", help="Only the part of this name.")] = None,
        force: Force = False,
        store: StoreUri = None,
        workers: Workers = None,
        metrics_port: MetricsPort = None,
        pushgateway: Pushgateway = None,
        log_format: LogFormat = "text",
        log_level: LogLevel = "warning",
    ) -> None:
        from gmlm.study.selection import Selection

        _use_workers(workers)
        _configure_telemetry(metrics_port, log_format, log_level)
        _run(study, Selection(only=name, name=name_of_part, force=force), store, pushgateway)

    return command


def evaluate(
    study: StudyPath,
    from_predictions: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Recompute all from stored predictions, without any model.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="With --from-predictions: also write the scores as JSON.")] = None,
    force: Force = False,
    store: StoreUri = None,
    metrics_port: MetricsPort = None,
    pushgateway: Pushgateway = None,
    log_format: LogFormat = "text",
    log_level: LogLevel = "warning",
) -> None:
    """Compare the models: mean, interval, paired significance."""
    from gmlm.study import commands
    from gmlm.study.selection import Selection

    _configure_telemetry(metrics_port, log_format, log_level)
    if from_predictions is not None:
        typer.echo(commands.recompute(study, from_predictions, output))
        return
    _run(study, Selection(only="evaluate", force=force), store, pushgateway)


def _use_workers(workers: int | None) -> None:
    if workers is not None:
        from gmlm.config.workers import VARIABLE

        os.environ[VARIABLE] = str(workers)


def _configure_telemetry(metrics_port: int | None, log_format: str, log_level: str) -> None:
    from gmlm.telemetry.logs import configure_logs

    configure_logs(json=log_format == "json", level=log_level)
    if metrics_port is not None:
        from gmlm.telemetry.metrics import serve_metrics

        serve_metrics(metrics_port)


@contextmanager
def _pushed(pushgateway: str | None) -> Iterator[None]:
    try:
        yield
    finally:
        if pushgateway is not None:
            from gmlm.telemetry.exporting import push_metrics
            from gmlm.telemetry.registry import study_name

            push_metrics(pushgateway, study=study_name())


def _run(path: Path, selection: Selection, store: str | None, pushgateway: str | None) -> None:
    from gmlm.study import commands
    from gmlm.study.runner import NodeOutcome

    def show(node_id: str, outcome: NodeOutcome) -> None:
        marks = {"done": "+", "finished before": "=", "failed": "!", "left out": "-"}
        seconds = f"  {outcome.seconds:.1f} s" if outcome.status == "done" else ""
        typer.echo(f"{marks[outcome.status]} {node_id}  {outcome.status}{seconds}", err=True)

    with _pushed(pushgateway):
        study, outcome = commands.run(path, selection, store=store, observer=show)
    if text := commands.headline(study):
        typer.echo(text)
    if outcome.failures:
        typer.echo(commands.explain(outcome.failures), err=True)
        sys.exit(next(iter(outcome.failures.values())).exit_code)
