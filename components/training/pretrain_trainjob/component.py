"""Train an encoder of a study from scratch or continue it, by several pods that act as one."""

from kfp import dsl

from components.decorator import component


@component
def pretrain_trainjob(
    store: str,
    plan: str,
    node: str,
    profile: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    study_folder: str = "",
) -> None:
    """Train an encoder of a study from scratch or continue it, by several pods that act as one.

    The task launches a TrainJob, a JobSet or an Indexed Job, as the profile says, and follows it. Tried again, it finds
    the one that it has made. With a JobSet or an Indexed Job it needs no Kubeflow Trainer.

    Args:
        store: Folder or s3://bucket/prefix of the study.
        plan: Key of the plan in the store, from plan_study.
        node: Id of the node, such as pretrain/continued.
        profile: The profile as JSON, with its settings `multi_node`.
        manifest: The node's manifest, or its status where it failed.
        metrics: Counters and metrics of the node.
        study_folder: Where relative input paths of the study start: a folder, or s3://bucket/prefix.
    """
    from gmlm.kubernetes.artifacts import write_manifest, write_metrics
    from gmlm.kubernetes.launcher.launch import launch_node

    result = launch_node(store, plan, node, profile, study_folder)
    write_manifest(result, manifest)
    write_metrics(result, metrics)


if __name__ == "__main__":
    from kfp.compiler import Compiler

    Compiler().compile(pretrain_trainjob, __file__.replace(".py", ".yaml"))
