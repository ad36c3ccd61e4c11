"""The steps of the pipelines cover the stages of a study."""

from __future__ import annotations

from gmlm.kubernetes.planning import ROUND
from gmlm.study.registry import STAGES
from pipelines.steps import COMPARISON, GRID, PRETRAINING, TRANSLATION


def test_the_pipeline_has_a_step_for_every_stage():
    steps = [stage for phase in (TRANSLATION, PRETRAINING, GRID) for step in phase.steps for stage in step.stages]
    assert {*steps, *(name for _, name in COMPARISON)} == set(STAGES)


def test_rounds_are_counted_by_the_order_in_which_a_round_runs():
    assert tuple(stage for step in PRETRAINING.steps for stage in step.stages) == ROUND
