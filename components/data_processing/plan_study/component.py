"""Plan a study: check it, hash its inputs, and put the plan into the store."""

from components.decorator import component


@component
def plan_study(study: str, store: str, study_folder: str = "") -> str:
    """Plan a study: check it, hash its inputs, and put the plan into the store.

    Args:
        study: The study as YAML text, or the address of a study file.
        store: Folder or s3://bucket/prefix for all that the study writes.
        study_folder: Where relative input paths of the study start: a folder, or s3://bucket/prefix.

    Returns:
        Key of the plan in the store.
    """
    from gmlm.kubernetes import planning

    return planning.plan_study(study, store, study_folder)


if __name__ == "__main__":
    from kfp.compiler import Compiler

    Compiler().compile(plan_study, __file__.replace(".py", ".yaml"))
