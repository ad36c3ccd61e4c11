"""The steps of a study: nodes that are chosen when the step begins and run in parallel.

What can run is read from the store, so one compiled pipeline serves every study, finished nodes cost no pod, and a
step after a lost pod goes on with what is there.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kfp import dsl

from components.data_processing.build_corpus.component import build_corpus
from components.data_processing.ingest.component import ingest
from components.data_processing.translate.component import translate
from components.decorator import Component, pipeline
from components.evaluation.evaluate.component import evaluate
from components.evaluation.report.component import report
from components.ops.select_nodes.component import select_nodes
from components.training.finetune_cell.component import finetune_cell
from components.training.pretrain.component import pretrain
from pipelines.settings import configure

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile, TaskName


@dataclass(frozen=True)
class Step:
    """Nodes of some stages that one component runs, all that can run at once."""

    name: str
    component: Component
    task: "TaskName"
    stages: tuple[str, ...]


TRANSLATION = (
    Step("inputs", ingest, "ingest", ("ingest", "task", "base-model")),
    Step("translators", translate, "translate", ("translator",)),
    Step("translations", translate, "translate", ("translator-score", "translate")),
    Step("corpora", build_corpus, "build_corpus", ("corpus",)),
)
"""From raw input to corpora."""
PRETRAINING = (
    Step("tokenizers", build_corpus, "build_corpus", ("tokenizer",)),
    Step("tokens", build_corpus, "build_corpus", ("tokens",)),
    Step("models", pretrain, "pretrain", ("pretrain",)),
)
"""From corpora to encoders; once for every generation of models that start from models."""
GRID = (Step("cells", finetune_cell, "finetune_cell", ("finetune",)),)
"""The grid of model, task and seed."""
COMPARISON: "tuple[tuple[Component, TaskName], ...]" = ((evaluate, "evaluate"), (report, "report"))
"""What follows the grid; a study has one node of each, named by its stage."""


def nested_steps(steps: tuple[Step, ...], profile: "Profile", *, compare: bool) -> Any:
    """A pipeline to be nested, with the parameters `store`, `plan` and `study_folder`.

    Each step begins whatever became of the one before, and so do evaluation and report, if `compare` asks for them.
    """
    loops = {step.name: _loop(step, profile) for step in steps}

    @pipeline(name="steps")
    def steps_of_study(store: str, plan: str, study_folder: str = "") -> None:
        last = None
        for step in steps:
            select = configure(select_nodes(store=store, plan=plan, stages=list(step.stages)), profile, "select_nodes")
            _whatever_became_of(last, select)
            inputs = {"store": store, "plan": plan, "study_folder": study_folder}
            last = loops[step.name](nodes=select.output, **inputs).set_caching_options(False)
        for component, name in COMPARISON if compare else ():
            task = component(store=store, plan=plan, node=name, study_folder=study_folder)
            last = _whatever_became_of(last, configure(task, profile, name))

    return steps_of_study


def _whatever_became_of(earlier: Any, task: Any) -> Any:
    return task if earlier is None else task.after(earlier).ignore_upstream_failure()


def _loop(step: Step, profile: "Profile") -> Any:
    """A loop as a pipeline of its own: backends before 2.2 let no task follow a loop, but any follow a pipeline."""

    @pipeline(name=step.name)
    def loop(nodes: list[str], store: str, plan: str, study_folder: str = "") -> None:
        with dsl.ParallelFor(nodes, parallelism=profile.parallelism) as node:
            task = step.component(store=store, plan=plan, node=node, study_folder=study_folder)
            configure(task, profile, step.task)

    return loop
