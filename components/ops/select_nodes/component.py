"""Choose the nodes of some stages that can run now, for a loop over them."""

from components.decorator import component


@component
def select_nodes(store: str, plan: str, stages: list[str]) -> list[str]:
    """Choose the nodes of some stages that can run now: not finished, and all of their inputs are.

    Args:
        store: Folder or s3://bucket/prefix of the study.
        plan: Key of the plan in the store, from plan_study.
        stages: Names of the stages.

    Returns:
        Ids of the nodes.
    """
    from gmlm.kubernetes import planning

    return planning.select_nodes(store, plan, stages)


if __name__ == "__main__":
    from kfp.compiler import Compiler

    Compiler().compile(select_nodes, __file__.replace(".py", ".yaml"))
