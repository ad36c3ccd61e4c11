"""`gmlm pipeline`: compile, run and submit studies as pipelines of Kubeflow. Nothing heavy is imported at its top."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipelines.client import PipelinesClient
    from pipelines.submission import Submission

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
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig, to find the service and to read pods.")]
StoreUri = Annotated[str, typer.Option("--store", help="s3://bucket/prefix, or a folder that all pods see.")]
StudyFolder = Annotated[str, typer.Option(help="Where its relative input paths start, as pods see it.")]
Package = Annotated[Path | None, typer.Option(help="A compiled pipeline instead of compiling one.")]
Experiment = Annotated[str, typer.Option(help="Experiment that the runs belong to.")]


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
    manifests: Annotated[
        bool, typer.Option("--kubernetes-manifest-format", help="Write Pipeline and PipelineVersion objects instead.")
    ] = False,
    namespace: Annotated[str | None, typer.Option(help="Namespace of these objects.")] = None,
) -> None:
    """Compile every pipeline for every profile into PIPELINE--PROFILE.yaml."""
    from gmlm.kubernetes.profile import load_profile, profile_names
    from pipelines.compiling import PIPELINES, compile_pipelines
    from pipelines.manifests import compile_manifests

    profiles, names = [load_profile(name, image=image) for name in profile or profile_names()], pipeline or PIPELINES
    compiled = compile_pipelines(names, profiles, output)
    for file in compile_manifests(names, profiles, output, namespace) if manifests else compiled:
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
    from gmlm.config import load_study, study_text
    from gmlm.errors import StageFailedError
    from gmlm.kubernetes.planning import fit_profile
    from gmlm.kubernetes.profile import load_profile
    from gmlm.study.commands import store_uri
    from pipelines.local import docker_runner, with_credentials
    from pipelines.local import run_local as run

    config = load_study(study)
    fitting = fit_profile(load_profile(profile, image=image), config)
    folder = study.parent.absolute()
    address, chosen = store_uri(store or config.store, folder), None
    if runner is Runner.DOCKER:
        fitting, chosen = with_credentials(fitting), docker_runner(str(folder), address, network=network)
    arguments = {"study": study_text(study), "study_folder": str(folder)}
    if not run(pipeline, fitting, store=address, runner=chosen, **arguments):
        raise StageFailedError("the pipeline failed", where=str(study), fix="read the log of its last tasks above")


@app.command()
def submit(
    study: StudyPath,
    store: StoreUri,
    study_folder: StudyFolder = "",
    pipeline: PipelineName = "study",
    profile: ProfileName = "single-gpu",
    image: Image = None,
    package: Package = None,
    experiment: Experiment = "gmlm",
    wait: Annotated[float | None, typer.Option(help="Wait at most these seconds for the end.")] = None,
    check: Annotated[bool, typer.Option(help="Check the cluster first, as 'gmlm doctor' does.")] = True,
    host: Host = None,
    namespace: Namespace = None,
    token: Token = None,
    context: Context = None,
) -> None:
    """Run a study on a cluster; submitted again, it goes on from what is finished."""
    from pipelines.submission import Submission

    submission = Submission(study, store, study_folder, pipeline, profile, image, package)
    client = _client(host, namespace, token, context)
    with submission.package() as compiled:
        if check:
            _check(submission, client, namespace, context)
        account, name = submission.service_account, submission.name
        run_id = client.submit(
            compiled, submission.arguments, name=name, experiment=experiment, service_account=account
        )
    typer.echo(run_id)
    if wait is not None:
        _finish(client.wait(run_id, wait).state)


@app.command()
def status(
    run_id: str, host: Host = None, namespace: Namespace = None, token: Token = None, context: Context = None
) -> None:
    """Show the state of a run and of its tasks, and why pods died or do not start."""
    found = _client(host, namespace, token, context).status(run_id)
    for name, state in found.tasks:
        typer.echo(f"{state:10} {name}")
    for line in _troubles(run_id, namespace, context):
        typer.echo(line)
    typer.echo(f"{found.run_id}: {found.state}" + (f": {found.error}" if found.error else ""))


@app.command()
def logs(
    run_id: str,
    node: Annotated[str | None, typer.Argument(help="Only this node, stage or task, such as pretrain/base.")] = None,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Show what the pods of a run wrote, each under its task and node. Needs the right to read pods and their logs."""
    from gmlm.kubernetes.pods import RunPods, read_logs

    for pod, text in read_logs(RunPods(namespace, context), run_id, node):
        typer.echo(f"== {pod.task} {pod.node} ({pod.name}): {pod.state or 'waiting'}")
        for line in (*pod.troubles, *text.splitlines()):
            typer.echo(line)


@app.command()
def cancel(
    run_id: str, host: Host = None, namespace: Namespace = None, token: Token = None, context: Context = None
) -> None:
    """End a run; submitted again, its study goes on from what is finished."""
    _client(host, namespace, token, context).cancel(run_id)


@app.command()
def schedule(
    study: StudyPath,
    store: StoreUri,
    cron: Annotated[str, typer.Option(help="When: six fields, seconds first, such as '0 0 3 * * 0'.")],
    study_folder: StudyFolder = "",
    pipeline: PipelineName = "study",
    profile: ProfileName = "single-gpu",
    image: Image = None,
    package: Package = None,
    experiment: Experiment = "gmlm",
    host: Host = None,
    namespace: Namespace = None,
    token: Token = None,
    context: Context = None,
) -> None:
    """Run a study again and again, never twice at once; each run does what is new or not finished."""
    from pipelines.submission import Submission

    submission = Submission(study, store, study_folder, pipeline, profile, image, package)
    client = _client(host, namespace, token, context)
    with submission.package() as compiled:
        account, name = submission.service_account, submission.name
        made = client.schedule(
            compiled, submission.arguments, name=name, experiment=experiment, cron=cron, service_account=account
        )
    typer.echo(made)


@app.command()
def schedules(host: Host = None, namespace: Namespace = None, token: Token = None, context: Context = None) -> None:
    """Show what is run again and again."""
    for found in _client(host, namespace, token, context).schedules():
        typer.echo(f"{found.schedule_id}  {'on ' if found.enabled else 'off'}  {found.cron}  {found.name}")


@app.command()
def unschedule(
    schedule_id: str, host: Host = None, namespace: Namespace = None, token: Token = None, context: Context = None
) -> None:
    """End a schedule; a run that is under way goes on."""
    _client(host, namespace, token, context).unschedule(schedule_id)


def _check(submission: Submission, client: PipelinesClient, namespace: str | None, context: str | None) -> None:
    """Refuse what would fail; say what may surprise."""
    from gmlm.kubernetes.doctor.examine import Examination, require_fit
    from gmlm.kubernetes.doctor.targets import cluster_of

    profile = None if submission.compiled else submission.profile
    api, image, store = cluster_of(namespace, context), submission.image, submission.store
    for finding in require_fit(Examination(lambda: client, api, submission.study, profile, image, store)):
        typer.echo(finding, err=True)


def _client(host: str | None, namespace: str | None, token: str | None, context: str | None) -> PipelinesClient:
    from pipelines.client import PipelinesClient
    from pipelines.connection import Connection

    return PipelinesClient(Connection(host, namespace, token, context=context))


def _troubles(run_id: str, namespace: str | None, context: str | None) -> list[str]:
    """What Kubernetes says; a user who may use the service only is told so, and has the rest of the status."""
    from gmlm.errors import GmlmError
    from gmlm.kubernetes.pods import RunPods

    try:
        return RunPods(namespace, context).troubles(run_id)
    except GmlmError as error:
        return [f"pods are not shown: {error.what}"]


def _finish(state: str) -> None:
    typer.echo(state)
    if state != "SUCCEEDED":
        from gmlm.errors import StageFailedError

        sys.exit(StageFailedError.exit_code)
