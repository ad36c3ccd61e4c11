"""Cut the translations that can run now into shards, and choose where workers begin."""

from components.decorator import component


@component
def plan_shards(store: str, plan: str, tasks: int) -> list[str]:
    """Cut the translations that can run now into shards, and choose where workers begin.

    Args:
        store: Folder or s3://bucket/prefix of the study.
        plan: Key of the plan in the store, from plan_study.
        tasks: Most workers per translation.

    Returns:
        First shards of the workers, such as translate/pubmed-de#12.
    """
    from gmlm.kubernetes import fan_out

    return fan_out.plan_shards(store, plan, tasks)


if __name__ == "__main__":
    from kfp.compiler import Compiler

    Compiler().compile(plan_shards, __file__.replace(".py", ".yaml"))
