"""Translate shards of a translation, beside other workers, until all of them are finished."""

from components.decorator import component


@component
def translate_shard(store: str, plan: str, node: str, study_folder: str = "") -> str:
    """Translate shards of a translation, beside other workers, until all of them are finished.

    Args:
        store: Folder or s3://bucket/prefix of the study.
        plan: Key of the plan in the store, from plan_study.
        node: Id of the node and the shard to begin with, from plan_shards.
        study_folder: Where relative input paths of the study start: a folder, or s3://bucket/prefix.

    Returns:
        What became of the work: done, finished before, left out or failed.
    """
    from gmlm.kubernetes import fan_out

    return fan_out.translate_shard(store, plan, node, study_folder)


if __name__ == "__main__":
    from kfp.compiler import Compiler

    Compiler().compile(translate_shard, __file__.replace(".py", ".yaml"))
