"""Puts a pipeline together: plan, phases in order, check at the end, and word of what went wrong."""

from typing import TYPE_CHECKING, Any

from kfp import dsl

from components.data_processing.plan_study.component import plan_study
from components.decorator import pipeline
from components.ops.check_study.component import check_study
from components.ops.notify_exit.component import notify_exit
from pipelines.settings import configure
from pipelines.steps import nested_phases

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile
    from pipelines.steps import Phase


def assemble(
    name: str, description: str, phases: "tuple[Phase, ...]", profile: "Profile", *, compare: bool = False
) -> Any:
    """A pipeline with the parameters `study`, `store` and `study_folder`.

    Args:
        name: Name of the pipeline.
        description: What it does.
        phases: Its phases, in order.
        profile: How its tasks are run.
        compare: Whether evaluation and report follow, and all nodes of the study must be finished in the end.
    """
    body = nested_phases(phases, profile, compare=compare)
    stages = (
        [] if compare else [stage for phase in dict.fromkeys(phases) for step in phase.steps for stage in step.stages]
    )

    def notify(study: Any, store: Any) -> Any:
        run_id = dsl.PIPELINE_JOB_ID_PLACEHOLDER
        return configure(notify_exit(store=store, study=study, run_id=run_id), profile, "notify_exit")

    @pipeline(name=name, description=description)
    def assembled(study: str, store: str, study_folder: str = "") -> None:
        """Plan, run the phases, check.

        Args:
            study: The study as YAML text, or the address of a study file.
            store: Folder or s3://bucket/prefix for all that the study writes.
            study_folder: Where relative input paths of the study start: a folder, or s3://bucket/prefix.
        """

        def run_and_check(*, word: bool) -> None:
            planned = configure(plan_study(study=study, store=store, study_folder=study_folder), profile, "plan_study")
            last = body(store=store, plan=planned.output, study_folder=study_folder).set_caching_options(False)
            if word:
                last = notify(study, store).after(planned, last).ignore_upstream_failure()
            check = check_study(store=store, plan=planned.output, stages=stages)
            configure(check, profile, "check_study").after(last).ignore_upstream_failure()

        if not profile.exit_handler:
            run_and_check(word=True)
            return
        with dsl.ExitHandler(notify(study, store), name=name):
            run_and_check(word=False)

    return assembled
