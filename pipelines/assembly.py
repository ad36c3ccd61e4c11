"""Puts phases together: plan, phases in order, check at the end, and word of how it ended."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from kfp import dsl

from components.data_processing.plan_study.component import plan_study
from components.decorator import pipeline
from components.ops.check_study.component import check_study
from components.ops.notify_exit.component import notify_exit
from pipelines.settings import configure

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile

Phase = Callable[["Profile"], Any]
"""Builds a pipeline to be nested, with the parameters `store`, `plan` and `study_folder`."""


def assemble(
    name: str, description: str, phases: Iterable[Phase], profile: "Profile", *, stages: Iterable[str] = ()
) -> Any:
    """A pipeline with the parameters `study`, `store` and `study_folder`.

    Args:
        name: Name of the pipeline.
        description: What it does.
        phases: Builders of its phases, in order.
        profile: How its tasks are run.
        stages: Stages that must be finished in the end; none means all.
    """
    built, wanted = [phase(profile) for phase in phases], list(stages)

    @pipeline(name=name, description=description)
    def assembled(study: str, store: str, study_folder: str = "") -> None:
        """Plan, run the phases, check.

        Args:
            study: The study as YAML text, or the address of a study file.
            store: Folder or s3://bucket/prefix for all that the study writes.
            study_folder: Where relative input paths of the study start: a folder, or s3://bucket/prefix.
        """
        word = notify_exit(store=store, study=study, run_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER)
        with dsl.ExitHandler(configure(word, profile, "notify_exit"), name=name):
            planned = plan_study(study=study, store=store, study_folder=study_folder)
            last = configure(planned, profile, "plan_study")
            for phase in built:
                task = phase(store=store, plan=planned.output, study_folder=study_folder).after(last)
                task.set_caching_options(False)
                last = task if last is planned else task.ignore_upstream_failure()
            check = check_study(store=store, plan=planned.output, stages=wanted)
            configure(check, profile, "check_study").after(last).ignore_upstream_failure()

    return assembled
