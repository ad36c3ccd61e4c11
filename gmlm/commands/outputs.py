"""Commands that make a study's files, look at a study, or take something out of its store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gmlm.commands.options import StoreUri, StudyPath


def validate(study: StudyPath) -> None:
    """Check a study file: keys, names, and that its inputs exist."""
    from gmlm.study import commands

    typer.echo(commands.validate(study))


def plan(
    study: StudyPath,
    store: StoreUri = None,
    gpus: Annotated[int | None, typer.Option(min=1, help="Choose the ZeRO stage for so many GPUs.")] = None,
    gpu_memory: Annotated[float, typer.Option(min=1, help="Memory of each GPU in GB.")] = 80,
) -> None:
    """Show the stages, what is done, and estimated tokens, memory and time."""
    from gmlm.study import commands
    from gmlm.study.sharding import Gpus

    typer.echo(commands.plan(study, store=store, gpus=Gpus(gpus, gpu_memory * 1e9) if gpus else None))


def tasks(name: Annotated[str | None, typer.Argument(help="Show the data card of this one.")] = None) -> None:
    """List the tasks of the catalogue, or show the data card of one."""
    from gmlm.evaluation.task_cards import card, listing

    typer.echo(listing() if name is None else card(name))


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder to fill.")],
    seed: Annotated[int, typer.Option(help="Another seed makes another world.")] = 13,
    size: Annotated[str, typer.Option(help="small for the quickstart, tiny for a smoke test.")] = "small",
) -> None:
    """Make a small bilingual clinical world with known truth, and a study of it."""
    from gmlm.demo import generate_world

    generate_world(folder, seed=seed, size=size)
    typer.echo(f"{folder}: ready; next: gmlm run {folder / 'study.yaml'}")


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


def lineage(
    uri: Annotated[str, typer.Argument(help="Folder of an output: STORE/STAGE/NAME/FINGERPRINT.")],
) -> None:
    """Print what an output was made from, back to the hashes of the raw inputs, and what computed it."""
    from gmlm.lineage import environments, locate, render
    from gmlm.lineage import lineage as trace

    store, prefix = locate(uri)
    node = trace(store, prefix)
    typer.echo(render(node))
    for environment, outputs in environments(store, node).items():
        typer.echo(f"computed with {environment}: {', '.join(outputs)}")


def export(
    study: StudyPath,
    model: Annotated[str, typer.Argument(help="Name of the model in the study.")],
    target: Annotated[str, typer.Argument(help="Empty folder, s3://bucket/prefix or hf://OWNER/NAME.")],
    inside: Annotated[bool, typer.Option("--inside", help="TARGET does not leave the house.")] = False,
    store: StoreUri = None,
) -> None:
    """Copy a finished model and its card out of the store; one of restricted texts only with --inside."""
    from gmlm.deployment import export_model
    from gmlm.study.commands import open_study

    opened = open_study(study, store=store)
    exported = export_model(opened.store, opened.plan, model, target, inside=inside)
    typer.echo(f"{exported.target}: {exported.node}, {len(exported.files)} files, {exported.bytes:,} bytes")


def translation_report(
    study: StudyPath,
    worst: Annotated[int, typer.Option(min=1, help="Segments of each translation in the file of samples.")] = 50,
    samples: Annotated[Path | None, typer.Option(help="File for the worst segments; it will hold their text.")] = None,
    store: StoreUri = None,
) -> None:
    """Show how well the translations went: flags, scores, ratios of lengths; write the worst for a person to read."""
    from gmlm.study.translation_report import translation_report as show

    typer.echo(show(study, store=store, worst=worst, output=samples))
