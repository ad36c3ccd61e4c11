"""The phases of a study: steps of nodes that are chosen when the step begins and run in parallel.

What can run is read from the store, so one compiled pipeline serves every study, finished nodes cost no pod, and a
step after a lost pod goes on with what is there.
"""

from collections.abc import Iterator
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
GRID = Step("cells", finetune_cell, "finetune_cell", ("finetune",))
"""The grid of model, task and seed."""
COMPARISON: "tuple[tuple[Component, TaskName], ...]" = ((evaluate, "evaluate"), (report, "report"))
"""What follows the grid; a study has one node of each, named by its stage."""


def translation_phase(profile: "Profile") -> Any:
    """A pipeline to be nested: ingest, translate, build the corpora."""

    @pipeline(name="translation")
    def translation(store: str, plan: str = "", study_folder: str = "") -> None:
        _add_steps(TRANSLATION, profile, store, plan, study_folder)

    return translation


def pretraining_phase(profile: "Profile") -> Any:
    """A pipeline to be nested: tokenise and train, generation after generation."""

    @pipeline(name="pretraining")
    def pretraining(store: str, plan: str = "", study_folder: str = "") -> None:
        _add_steps(PRETRAINING * profile.rounds, profile, store, plan, study_folder)

    return pretraining


def evaluation_phase(profile: "Profile") -> Any:
    """A pipeline to be nested: fine-tune the grid, compare, report. The last two appear whatever became of cells."""

    @pipeline(name="evaluation")
    def evaluation(store: str, plan: str = "", study_folder: str = "") -> None:
        *_, last = _add_steps((GRID,), profile, store, plan, study_folder)
        for component, task_name in COMPARISON:
            task = component(store=store, plan=plan, node=task_name, study_folder=study_folder)
            last = configure(task, profile, task_name).after(last).ignore_upstream_failure()

    return evaluation


def _add_steps(steps: tuple[Step, ...], profile: "Profile", store: Any, plan: Any, study_folder: Any) -> list[Any]:
    tasks: list[Any] = []
    for step in steps:
        select = configure(select_nodes(store=store, plan=plan, stages=list(step.stages)), profile, "select_nodes")
        select.set_display_name(f"select {step.name}")
        if tasks:
            select.after(tasks[-1]).ignore_upstream_failure()
        with dsl.ParallelFor(select.output, name=step.name, parallelism=profile.parallelism) as node:
            task = step.component(store=store, plan=plan, node=node, study_folder=study_folder)
            tasks.append(configure(task, profile, step.task))
    return tasks


def stages_of(steps: tuple[Step, ...]) -> Iterator[str]:
    """Names of the stages that steps run."""
    for step in steps:
        yield from step.stages
