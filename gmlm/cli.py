"""The command line. Nothing heavy is imported before a command runs: `gmlm --help` answers at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gmlm.corpus.deidentification.cli import deidentify
from gmlm.kubernetes.cli import app as pipeline_app
from gmlm.kubernetes.doctor.cli import doctor
from gmlm.kubernetes.launcher.cli import app as kubernetes_app

if TYPE_CHECKING:
    from gmlm.study.selection import Selection

app = typer.Typer(
    name="gmlm",
    help="German medical language models: from raw corpora to a scored German clinical encoder.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file.")]
StoreUri = Annotated[str | None, typer.Option("--store", help="Folder or s3://bucket/prefix instead of the study's.")]
Force = Annotated[bool, typer.Option("--force", help="Make the selected stages again although they are finished.")]
MetricsPort = Annotated[
    int | None, typer.Option(envvar="GMLM_METRICS_PORT", help="Serve Prometheus metrics on this port.")
]
Pushgateway = Annotated[
    str | None, typer.Option(envvar="GMLM_PUSHGATEWAY", help="Push results to this Pushgateway at the end.")
]
LogFormat = Annotated[str, typer.Option(help="Log lines on standard error: text or json.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes that share the work where a stage can; default: GMLM_WORKERS or 1.")
]
LogLevel = Annotated[str, typer.Option(help="debug, info, warning or error.")]


@app.command()
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


@app.command()
def validate(study: StudyPath) -> None:
    """Check a study file: keys, names, and that its inputs exist."""
    from gmlm.study import commands

    typer.echo(commands.validate(study))


@app.command()
def plan(study: StudyPath, store: StoreUri = None) -> None:
    """Show the stages, what is done, and estimated tokens, memory and time."""
    from gmlm.study import commands

    typer.echo(commands.plan(study, store=store))


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder to fill.")],
    seed: Annotated[int, typer.Option(help="Another seed makes another world.")] = 13,
    size: Annotated[str, typer.Option(help="small for the quickstart, tiny for a smoke test.")] = "small",
) -> None:
    """Make a small bilingual clinical world with known truth, and a study of it."""
    from gmlm.demo import generate_world

    generate_world(folder, seed=seed, size=size)
    typer.echo(f"{folder}: ready; next: gmlm run {folder / 'study.yaml'}")


@app.command()
def monitor(
    study: Annotated[str | None, typer.Argument(metavar="[STUDY]", help="Study file or name; default: all.")] = None,
    prometheus: Annotated[str | None, typer.Option(envvar="GMLM_PROMETHEUS", help="Ask this Prometheus.")] = None,
    exporter: Annotated[str | None, typer.Option(help="Ask /metrics of a run; default: port 9464 of here.")] = None,
    log: Annotated[Path | None, typer.Option(help="Read the JSON log of a run instead.")] = None,
    watch: Annotated[float | None, typer.Option(help="Show again every so many seconds.")] = None,
) -> None:
    """Show how a run is doing: stages, trainings, scores."""
    from gmlm.monitoring import terminal

    terminal.watch(terminal.open_source(study, prometheus, exporter, log), typer.echo, watch)


@app.command()
def lineage(
    uri: Annotated[str, typer.Argument(help="Folder of an output: STORE/STAGE/NAME/FINGERPRINT.")],
) -> None:
    """Print what an output was made from, back to the hashes of the raw inputs."""
    from gmlm.lineage import lineage as trace
    from gmlm.lineage import locate, render

    typer.echo(render(trace(*locate(uri))))


@app.command()
def export(
    study: StudyPath,
    model: Annotated[str, typer.Argument(help="Name of the model in the study.")],
    target: Annotated[str, typer.Argument(help="Empty folder or s3://bucket/prefix.")],
    inside: Annotated[bool, typer.Option("--inside", help="TARGET does not leave the house.")] = False,
    store: StoreUri = None,
) -> None:
    """Copy a finished model and its card out of the store; one of restricted texts only with --inside."""
    from gmlm.deployment import export_model
    from gmlm.study.commands import open_study

    opened = open_study(study, store=store)
    exported = export_model(opened.store, opened.plan, model, target, inside=inside)
    typer.echo(f"{exported.target}: {exported.node}, {len(exported.files)} files, {exported.bytes:,} bytes")


@app.command("translation-report")
def translation_report(
    study: StudyPath,
    worst: Annotated[int, typer.Option(min=1, help="Segments of each translation in the file of samples.")] = 50,
    samples: Annotated[Path | None, typer.Option(help="File for the worst segments; it will hold their text.")] = None,
    store: StoreUri = None,
) -> None:
    """Show how well the translations went: flags, scores, ratios of lengths; write the worst for a person to read."""
    from gmlm.study.translation_report import translation_report as show

    typer.echo(show(study, store=store, worst=worst, output=samples))


def _stage_command(name: str, help_text: str) -> None:
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

    app.command(name, help=help_text)(command)


_stage_command("ingest", "Read the study's sources and tasks into the store.")
_stage_command("translate", "Make or load translators, score them, and translate.")
_stage_command("build-corpus", "Filter, de-duplicate, decontaminate, mix and tokenise the corpora.")
_stage_command("pretrain", "Train or continue the encoders.")
_stage_command("finetune", "Fine-tune every model on every task with every seed.")


@app.command()
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


_stage_command("audit", "Measure what the models remember of their training text.")
_stage_command("report", "Write the report.")

app.command()(deidentify)
app.add_typer(pipeline_app, name="pipeline")
app.add_typer(kubernetes_app, name="kubernetes")
app.command()(doctor)


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


def main() -> None:
    """Run a command; every error of ours becomes one message and an exit code of its own."""
    from gmlm import interruption
    from gmlm.errors import GmlmError

    interruption.install()
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # the stages show their own
    try:
        app()
    except GmlmError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("stopped; run the same command again to resume", err=True)
        sys.exit(130)
    except Exception as error:
        _fail_unexpectedly(error)


def _fail_unexpectedly(error: Exception) -> NoReturn:
    """Report a bug without its message, which could hold a document's text; GMLM_DEBUG=1 shows all of it."""
    if os.environ.get("GMLM_DEBUG") == "1":
        raise error
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "unknown place"
    typer.echo(f"error: unexpected {type(error).__name__} at {where}", err=True)
    typer.echo("  What to do: report this as a bug; GMLM_DEBUG=1 shows the traceback (it may hold text)", err=True)
    sys.exit(70)


if __name__ == "__main__":
    main()
