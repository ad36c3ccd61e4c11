"""Say how a run has ended: its state, what failed in the study, and why pods died."""

from kfp import dsl

from components.decorator import component


@component
def notify_exit(store: str, study: str, run_id: str, status: dsl.PipelineTaskFinalStatus) -> str:
    """Say how a run has ended: its state, what failed in the study, and why pods died.

    Args:
        store: Folder or s3://bucket/prefix of the study.
        study: The study as YAML text, or the address of a study file.
        run_id: Id of the run.
        status: How the run has ended.

    Returns:
        The message, one fact a line.
    """
    from gmlm.kubernetes import notification

    return notification.notify_exit(store, study, run_id, status.state, status.error_message)


if __name__ == "__main__":
    from kfp.compiler import Compiler

    Compiler().compile(notify_exit, __file__.replace(".py", ".yaml"))
