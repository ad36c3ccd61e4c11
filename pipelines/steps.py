"""The steps of a study, in phases: nodes that are chosen when the step begins and run in parallel.

What can run is read from the store, so one compiled pipeline serves every study, finished nodes cost no pod, and a
step after a lost pod goes on with what is there.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kfp import dsl

from components.data_processing.build_corpus.component import build_corpus
from components.data_processing.ingest.component import ingest
from components.data_processing.merge_translation.component import merge_translation
from components.data_processing.plan_shards.component import plan_shards
from components.data_processing.translate.component import translate
from components.data_processing.translate_shard.component import translate_shard
from components.decorator import Component, pipeline
from components.evaluation.audit.component import audit
from components.evaluation.evaluate.component import evaluate
from components.evaluation.report.component import report
from components.ops.select_nodes.component import select_nodes
from components.training.finetune_cell.component import finetune_cell
from components.training.pretrain.component import pretrain
from components.training.pretrain_trainjob.component import pretrain_trainjob
from pipelines.settings import configure

if TYPE_CHECKING:
    from gmlm.kubernetes.profile import Profile, TaskName


@dataclass(frozen=True)
class Step:
    """Nodes of some stages that one component runs, all that can run at once; or workers on shards of such nodes."""

    name: str
    component: Component
    task: "TaskName"
    stages: tuple[str, ...]
    by_shard: bool = False


@dataclass(frozen=True)
class Phase:
    """Steps that follow each other."""

    name: str
    steps: tuple[Step, ...]


TRANSLATION = Phase(
    "translation",
    (
        Step("inputs", ingest, "ingest", ("ingest", "task", "base-model")),
        Step("translators", translate, "translate", ("translator",)),
        Step("scores", translate, "translate", ("translator-score", "task-translation")),
        Step("shards", translate_shard, "translate", ("translate",), by_shard=True),
        Step("translations", merge_translation, "build_corpus", ("translate",)),
        Step("corpora", build_corpus, "build_corpus", ("corpus",)),
        Step("treatments", build_corpus, "build_corpus", ("treatment",)),
    ),
)
"""From raw input to corpora."""
PRETRAINING = Phase(
    "pretraining",
    (
        Step("tokenizers", build_corpus, "build_corpus", ("tokenizer",)),
        Step("vocabularies", build_corpus, "build_corpus", ("vocabulary",)),
        Step("tokens", build_corpus, "build_corpus", ("tokens",)),
        Step("models", pretrain, "pretrain", ("pretrain",)),
        Step("checkpoints", ingest, "ingest", ("checkpoint",)),
    ),
)
"""From corpora to encoders; once for every generation of models that start from models."""
GRID = Phase(
    "grid",
    (
        Step("cells", finetune_cell, "finetune_cell", ("finetune",)),
        Step("floors", evaluate, "evaluate", ("floor", "import")),
        Step("audits", audit, "evaluate", ("audit",)),
    ),
)
"""The grid of model, task and seed, what stands beside it in the table, and what the models remember."""
COMPARISON: "tuple[tuple[Component, TaskName], ...]" = ((evaluate, "evaluate"), (report, "report"))
"""What follows the grid; a study has one node of each, named by its stage."""


def nested_phases(phases: tuple[Phase, ...], profile: "Profile", *, compare: bool) -> Any:
    """A pipeline to be nested, with the parameters `store`, `plan` and `study_folder`.

    Each step begins whatever became of the one before, and so do evaluation and report, if `compare` asks for them.
    """
    needed = _needed(phases, profile)
    built = {phase: _phase(phase, profile) for phase in needed}

    @pipeline(name="phases")
    def phases_of_study(store: str, plan: str, study_folder: str = "") -> None:
        last = None
        for phase in needed:
            select = _select(phase.steps[0], profile, store, plan, after=last)
            inputs = {"store": store, "plan": plan, "study_folder": study_folder}
            last = built[phase](nodes=select.output, **inputs).set_caching_options(False)
        for component, name in COMPARISON if compare else ():
            task = component(store=store, plan=plan, node=name, study_folder=study_folder)
            last = configure(task, profile, name).after(last).ignore_upstream_failure()

    return phases_of_study


def _needed(phases: tuple[Phase, ...], profile: "Profile") -> tuple[Phase, ...]:
    """The phases with the steps of the profile's stages alone, if it names some of theirs."""
    wanted = set(profile.stages)
    cut = [Phase(phase.name, tuple(step for step in phase.steps if wanted & set(step.stages))) for phase in phases]
    return tuple(phase for phase in cut if phase.steps) or phases


def _phase(phase: Phase, profile: "Profile") -> Any:
    """The steps of a phase. The nodes of the first are given: what chooses them also waits for the phase before.

    In backends before 2.2, only a component, not a pipeline, can follow what has failed, and a pipeline of more than
    20 tasks loses the outputs of some.
    """
    first, *others = phase.steps
    loops = {step.name: _loop(step, profile) for step in phase.steps}

    @pipeline(name=phase.name)
    def steps_of_phase(nodes: list[str], store: str, plan: str, study_folder: str = "") -> None:
        inputs = {"store": store, "plan": plan, "study_folder": study_folder}
        last = loops[first.name](nodes=nodes, **inputs).set_caching_options(False)
        for step in others:
            select = _select(step, profile, store, plan, after=last)
            last = loops[step.name](nodes=select.output, **inputs).set_caching_options(False)

    return steps_of_phase


def _select(step: Step, profile: "Profile", store: Any, plan: Any, *, after: Any) -> Any:
    if step.by_shard:
        task = configure(plan_shards(store=store, plan=plan, tasks=profile.parallelism), profile, "build_corpus")
    else:
        task = configure(select_nodes(store=store, plan=plan, stages=list(step.stages)), profile, "select_nodes")
    return task if after is None else task.after(after).ignore_upstream_failure()


def _loop(step: Step, profile: "Profile") -> Any:
    """A loop as a pipeline of its own: in backends before 2.2 no task can follow a loop."""
    component, name, settings = _chosen(step, profile)

    @pipeline(name=step.name)
    def loop(nodes: list[str], store: str, plan: str, study_folder: str = "") -> None:
        with dsl.ParallelFor(nodes, parallelism=profile.parallelism) as node:
            inputs = {"store": store, "plan": plan, "node": node, "study_folder": study_folder}
            configure(component(**inputs, **settings), profile, name)

    return loop


def _chosen(step: Step, profile: "Profile") -> "tuple[Component, TaskName, dict[str, str]]":
    """Pre-training in one pod, or the launch of a group of pods: chosen by the profile, when a pipeline is compiled."""
    if step.task == "pretrain" and profile.multi_node is not None:
        return pretrain_trainjob, "pretrain_trainjob", {"profile": profile.model_dump_json(exclude_unset=True)}
    return step.component, step.task, {}
