"""Copy a finished model and its card out of the store."""

from kfp import dsl

from components.decorator import component


@component
def export_model(
    store: str,
    plan: str,
    model: str,
    target: str,
    card: dsl.Output[dsl.Markdown],
    inside: bool = False,
) -> None:
    """Copy a finished model and its card out of the store.

    Args:
        store: Folder or s3://bucket/prefix of the study.
        plan: Key of the plan in the store, from plan_study.
        model: Name of the model in the study.
        target: Empty folder that the pod sees, or s3://bucket/prefix.
        card: The model card, with scores, lineage and conditions.
        inside: Whether the target does not leave the house; without it, models of restricted texts are refused.
    """
    from gmlm.deployment import export_model
    from gmlm.kubernetes.artifacts import write_export
    from gmlm.storage import open_store
    from gmlm.study.plan_file import read_plan

    opened = open_store(store)
    write_export(export_model(opened, read_plan(opened, plan), model, target, inside=inside), card)


if __name__ == "__main__":
    from kfp.compiler import Compiler

    Compiler().compile(export_model, __file__.replace(".py", ".yaml"))
