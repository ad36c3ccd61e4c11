"""Say at the end of a run what failed in the study, and why pods died."""

from components.decorator import component


@component
def notify_exit(store: str, study: str, run_id: str) -> str:
    """Say at the end of a run what failed in the study, and why pods died.

    Args:
        store: Folder or s3://bucket/prefix of the study.
        study: The study as YAML text, or the address of a study file.
        run_id: Id of the run.

    Returns:
        The message, one fact a line.
    """
    from gmlm.kubernetes import notification

    return notification.notify_exit(store, study, run_id)


if __name__ == "__main__":
    from kfp.compiler import Compiler

    Compiler().compile(notify_exit, __file__.replace(".py", ".yaml"))
