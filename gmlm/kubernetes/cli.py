"""`gmlm pipeline`: compile, run and submit studies as pipelines of Kubeflow. Nothing heavy is imported at its top."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Studies as pipelines of Kubeflow: compile, run on this machine, submit to a cluster.", no_args_is_help=True
)

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file.")]
ProfileName = Annotated[str, typer.Option("--profile", help="Profile that comes along, or a YAML file.")]
PipelineName = Annotated[str, typer.Option("--pipeline", help="Pipeline to run.")]
Image = Annotated[str | None, typer.Option(help="Image of the tasks, by digest, instead of the profile's.")]
Host = Annotated[str | None, typer.Option(envvar="KF_PIPELINES_ENDPOINT", help="Address of Kubeflow Pipelines.")]
Namespace = Annotated[str | None, typer.Option(help="Namespace of the runs, where the service serves several.")]
Token = Annotated[str | None, typer.Option(envvar="KF_PIPELINES_TOKEN", help="Bearer token for the service.")]


class Runner(StrEnum):
    """What runs a task on this machine."""

    SUBPROCESS = "subprocess"
    DOCKER = "docker"


@app.command("compile")
def compile_(
    output: Annotated[Path, typer.Option(help="Folder for the compiled pipelines.")] = Path("compiled"),
    pipeline: Annotated[list[str] | None, typer.Option(help="Only this pipeline; may be repeated.")] = None,
    profile: Annotated[list[str] | None, typer.Option(help="Only this profile; may be repeated.")] = None,
    image: Image = None,
) -> None:
    """Compile every pipeline for every profile into PIPELINE--PROFILE.yaml."""
    from gmlm.kubernetes.profile import load_profile, profile_names
    from pipelines.compiling import PIPELINES, compile_pipelines

    profiles = [load_profile(name, image=image) for name in profile or profile_names()]
    for file in compile_pipelines(pipeline or PIPELINES, profiles, output):
        typer.echo(file)


@app.command("run-local")
def run_local(
    study: StudyPath,
    store: Annotated[str | None, typer.Option(help="Folder or s3://bucket/prefix instead of the study's.")] = None,
    pipeline: PipelineName = "study",
    profile: ProfileName = "smoke-cpu",
    runner: Annotated[Runner, typer.Option(help="What runs a task: a process, or a container of the image.")] = (
        Runner.SUBPROCESS
    ),
    image: Image = None,
    network: Annotated[str | None, typer.Option(help="Network of the containers, such as host.")] = None,
) -> None:
    """Run a study as a pipeline on this machine, each task in a process or a container of its own."""
    from gmlm.config import load_study
    from gmlm.errors import StageFailedError
    from gmlm.kubernetes.planning import rounds_needed
    from gmlm.kubernetes.profile import load_profile
    from gmlm.study.commands import store_uri
    from pipelines.local import docker_runner, with_credentials
    from pipelines.local import run_local as run

    config = load_study(study)
    fitting = load_profile(profile, image=image).model_copy(update={"rounds": rounds_needed(config)})
    folder = study.parent.absolute()
    address, chosen = store_uri(store or config.store, folder), None
    if runner is Runner.DOCKER:
        fitting, chosen = with_credentials(fitting), docker_runner(str(folder), address, network=network)
    arguments = {"study": study.read_text(encoding="utf-8"), "study_folder": str(folder)}
    if not run(pipeline, fitting, store=address, runner=chosen, **arguments):
        raise StageFailedError("the pipeline failed", where=str(study), fix="read the log of its last tasks above")


@app.command()
def submit(
    study: StudyPath,
    store: Annotated[str, typer.Option(help="s3://bucket/prefix, or a folder that all pods see.")],
    study_folder: Annotated[str, typer.Option(help="Where its relative input paths start, as pods see it.")] = "",
    pipeline: PipelineName = "study",
    profile: ProfileName = "single-gpu",
    image: Image = None,
    package: Annotated[Path | None, typer.Option(help="A compiled pipeline instead of compiling one.")] = None,
    experiment: Annotated[str, typer.Option(help="Experiment that the run belongs to.")] = "gmlm",
    wait: Annotated[float | None, typer.Option(help="Wait at most these seconds for the end.")] = None,
    host: Host = None,
    namespace: Namespace = None,
    token: Token = None,
) -> None:
    """Run a study on a cluster; submitted again, it goes on from what is finished."""
    from gmlm.config import load_study
    from gmlm.kubernetes.planning import rounds_needed
    from gmlm.kubernetes.profile import load_profile
    from pipelines.client import PipelinesClient, package_for

    config = load_study(study)
    fitting = load_profile(profile, image=image).model_copy(update={"rounds": rounds_needed(config)})
    arguments = {"study": study.read_text(encoding="utf-8"), "store": store, "study_folder": study_folder}
    with package_for(pipeline, fitting, package) as compiled:
        client = PipelinesClient(host, namespace=namespace, token=token)
        run_id = client.submit(compiled, arguments, name=f"{config.name} {pipeline}", experiment=experiment)
    typer.echo(run_id)
    if wait is not None:
        _finish(client.wait(run_id, wait).state)


@app.command()
def status(run_id: str, host: Host = None, namespace: Namespace = None, token: Token = None) -> None:
    """Show the state of a run and of its tasks."""
    from pipelines.client import PipelinesClient

    found = PipelinesClient(host, namespace=namespace, token=token).status(run_id)
    for name, state in found.tasks:
        typer.echo(f"{state:10} {name}")
    typer.echo(f"{found.run_id}: {found.state}" + (f": {found.error}" if found.error else ""))


@app.command()
def cancel(run_id: str, host: Host = None, namespace: Namespace = None, token: Token = None) -> None:
    """End a run; submitted again, its study goes on from what is finished."""
    from pipelines.client import PipelinesClient

    PipelinesClient(host, namespace=namespace, token=token).cancel(run_id)


def _finish(state: str) -> None:
    typer.echo(state)
    if state != "SUCCEEDED":
        from gmlm.errors import StageFailedError

        sys.exit(StageFailedError.exit_code)
