"""Measure what a model remembers of its training text, against a model that has not read it."""

from kfp import dsl

from components.decorator import component


@component
def audit(
    store: str,
    plan: str,
    node: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    study_folder: str = "",
) -> None:
    """Measure what a model remembers of its training text, against a model that has not read it.

    Args:
        store: Folder or s3://bucket/prefix of the study.
        plan: Key of the plan in the store, from plan_study.
        node: Id of the node, such as audit/continued.
        manifest: The node's manifest, or its status where it failed.
        metrics: Counters and metrics of the node.
        study_folder: Where relative input paths of the study start: a folder, or s3://bucket/prefix.
    """
    from gmlm.kubernetes.artifacts import write_manifest, write_metrics
    from gmlm.kubernetes.node import run_planned_node

    result = run_planned_node(store, plan, node, study_folder)
    write_manifest(result, manifest)
    write_metrics(result, metrics)


if __name__ == "__main__":
    from kfp.compiler import Compiler

    Compiler().compile(audit, __file__.replace(".py", ".yaml"))
