"""`gmlm doctor`: what a run on a cluster would meet, before it starts. Nothing heavy is imported at its top."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gmlm.errors import ClusterError


def doctor(
    study: Annotated[Path | None, typer.Argument(metavar="[STUDY.yaml]", help="The study that is to run.")] = None,
    profile: Annotated[str, typer.Option(help="Profile that comes along, or a YAML file.")] = "single-gpu",
    store: Annotated[str | None, typer.Option(help="Store, as pods see it; default: the study's.")] = None,
    image: Annotated[str | None, typer.Option(help="Image of the tasks instead of the profile's.")] = None,
    host: Annotated[
        str | None, typer.Option(envvar="KF_PIPELINES_ENDPOINT", help="Address of Kubeflow Pipelines.")
    ] = None,
    namespace: Annotated[str | None, typer.Option(help="Namespace of the runs; default: kubeflow.")] = None,
    token: Annotated[str | None, typer.Option(envvar="KF_PIPELINES_TOKEN", help="Bearer token.")] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig instead of the current one.")] = None,
) -> None:
    """Check endpoint, rights, Secrets, queues, nodes, image and store before anything runs; 22 if a run would fail."""
    from gmlm.kubernetes.doctor.examine import Examination, examine
    from gmlm.kubernetes.doctor.finding import Verdict
    from gmlm.kubernetes.doctor.targets import cluster_of, service_of

    service, api = service_of(host, namespace, token, context), cluster_of(namespace, context)
    verdicts = []
    for finding in examine(Examination(service, api, study, profile, image, store)):
        typer.echo(finding)
        verdicts.append(finding.verdict)
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in Verdict)
    typer.echo(f"{len(verdicts)} checks: {counts}")
    if Verdict.FAIL in verdicts:
        sys.exit(ClusterError.exit_code)
