"""Fail the run if a node of the study did not finish, after the report has appeared."""

from components.decorator import component


@component
def check_study(store: str, stages: list[str], plan: str = "") -> str:
    """Fail the run if a node of the study did not finish, naming each with its reason.

    Args:
        store: Folder or s3://bucket/prefix of the study.
        stages: Names of the stages that must be finished; none means all.
        plan: Key of the plan in the store, from plan_study; optional, as the task also runs where others failed.

    Returns:
        How many nodes are finished.
    """
    from gmlm.kubernetes import checking

    return checking.check_study(store, plan, stages)


if __name__ == "__main__":
    from kfp.compiler import Compiler

    Compiler().compile(check_study, __file__.replace(".py", ".yaml"))
