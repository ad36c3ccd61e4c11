"""`gmlm kubernetes`: groups of pods without a pipeline, and the reaper. Nothing heavy is imported at its top."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Groups of pods that train together: render, launch, remove.", no_args_is_help=True)

Node = Annotated[str, typer.Argument(help="Node of the plan, such as pretrain/continued.")]
StoreUri = Annotated[str, typer.Option("--store", help="s3://bucket/prefix, or a folder that all pods see.")]
PlanKey = Annotated[str, typer.Option("--plan", help="Key of the plan in the store.")]
ProfileName = Annotated[str, typer.Option("--profile", help="Profile with multi_node, or a YAML file.")]
Image = Annotated[str | None, typer.Option(help="Image of the pods, by digest, instead of the profile's.")]
Namespace = Annotated[
    str | None, typer.Option(envvar="GMLM_NAMESPACE", help="Namespace; default: this pod's, or the kube context's.")
]


@app.command()
def render(
    node: Node, store: StoreUri, plan: PlanKey, profile: ProfileName = "multi-node", image: Image = None
) -> None:
    """Print the objects that would be made for a node, as YAML for kubectl."""
    import yaml

    from gmlm.kubernetes.launcher.launch import group_of
    from gmlm.kubernetes.launcher.ownership import PipelineRun
    from gmlm.kubernetes.launcher.render import render_group
    from gmlm.kubernetes.profile import load_profile
    from gmlm.storage import open_store
    from gmlm.study.plan_file import read_plan

    settled = read_plan(open_store(store), plan).nodes[node]
    described = load_profile(profile, image=image)
    group = group_of(described, settled, store=store, plan=plan, study_folder="", run=PipelineRun())
    typer.echo(yaml.safe_dump_all(render_group(group), sort_keys=False), nl=False)


@app.command()
def launch(
    node: Node,
    store: StoreUri,
    plan: PlanKey,
    profile: ProfileName = "multi-node",
    image: Image = None,
    namespace: Namespace = None,
) -> None:
    """Run a node by a group of pods, and follow it; called again, it follows the group that is there."""
    from gmlm.errors import StageFailedError
    from gmlm.kubernetes.launcher.cluster import Cluster
    from gmlm.kubernetes.launcher.launch import by_group
    from gmlm.kubernetes.node import run_planned_node
    from gmlm.kubernetes.profile import load_profile

    work = by_group(load_profile(profile, image=image), store, plan, "", Cluster(namespace))
    result = run_planned_node(store, plan, node, work=work)
    if result.status != "done":
        raise StageFailedError(f"{result.status}: {result.message}", where=node)
    typer.echo(f"{node}: done")


@app.command()
def reap(
    namespace: Namespace = None,
    run: Annotated[str | None, typer.Option(help="Only what was made for this run, whatever its state.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed.")] = False,
) -> None:
    """Remove TrainJobs, JobSets and Jobs of the launcher whose pipeline run is over."""
    from gmlm.kubernetes.launcher.cluster import Cluster
    from gmlm.kubernetes.launcher.reap import reap as remove

    for name in remove(Cluster(namespace), run=run, dry_run=dry_run):
        typer.echo(f"{'would remove' if dry_run else 'removed'} {name}")
