"""The first tasks of a pipeline: plan the study, and choose what can run. Tasks find finished work by its manifests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from gmlm.config import StudyConfig, parse_study
from gmlm.config.load import load_study, parse_extending
from gmlm.kubernetes.profile import Profile
from gmlm.kubernetes.study_folder import local_study_folder
from gmlm.storage import Store, open_store, probe_conditional_writes
from gmlm.study.graph import build_graph
from gmlm.study.plan import Plan, PlannedNode
from gmlm.study.plan import plan_study as make_plan
from gmlm.study.plan_file import read_plan, write_plan, write_study


def plan_study(study: str, store: str, study_folder: str = "") -> str:
    """Plan a study and return the plan's key in the store.

    Args:
        study: The study as YAML text, or the address of a study file.
        store: Folder or `s3://bucket/prefix` for all that the study writes.
        study_folder: Where relative input paths start: a folder, or `s3://bucket/prefix`.

    Raises:
        GmlmError: The study is wrong, an input is missing, or the store cannot be used.
    """
    config, opened = read_study(study), open_store(store)
    probe_conditional_writes(opened)
    plan = make_plan(build_graph(config), local_study_folder(study_folder))
    write_study(opened, config)
    return write_plan(opened, config, plan)


def read_study(study: str) -> StudyConfig:
    """Read a study from YAML text, from a local file or from `s3://`."""
    if "\n" in study or ": " in study:
        return parse_study(study)
    if study.startswith("s3://"):
        folder, _, name = study.rpartition("/")
        files = open_store(folder)
        return parse_extending(files.read(name).decode(), name, lambda other: files.read(other).decode(), where=study)
    return load_study(Path(study))


def select_nodes(store: str, plan: str, stages: Iterable[str]) -> list[str]:
    """Ids of the stages' nodes that can run now: not finished, and all inputs are."""
    opened = open_store(store)
    planned, wanted = read_plan(opened, plan), set(stages)
    found = [node for node in planned.nodes.values() if node.node.stage in wanted and not node.finished(opened)]
    return [node.node.id for node in found if not missing_inputs(planned, node, opened)]


def missing_inputs(plan: Plan, node: PlannedNode, store: Store) -> list[str]:
    """Ids of the node's inputs that are not finished."""
    return [source for source in node.node.inputs.values() if not plan.nodes[source].finished(store)]


def study_of(plan: str) -> str:
    """Name of the study that a plan's key belongs to."""
    return PurePosixPath(plan).parent.name


ROUND = ("tokenizer", "vocabulary", "tokens", "pretrain", "checkpoint")
"""Stages that a pipeline runs in this order, round after round, as models may start from models."""


def rounds_needed(study: StudyConfig) -> int:
    """Rounds in which all models of a study are trained: one, and one more for each model upon a model."""
    rounds: dict[str, int] = {}
    for node in build_graph(study).values():
        if node.stage in ROUND:
            earlier = [
                (rounds[source], source.partition("/")[0]) for source in node.inputs.values() if source in rounds
            ]
            place = ROUND.index(node.stage)
            rounds[node.id] = max([1, *(found + (ROUND.index(stage) >= place) for found, stage in earlier)])
    return max(rounds.values(), default=1)


def fit_profile(profile: Profile, study: StudyConfig) -> Profile:
    """The profile with as many rounds as the study needs and its stages alone: every step less is a pod less."""
    stages = tuple(sorted({node.stage for node in build_graph(study).values()}))
    return profile.model_copy(update={"rounds": rounds_needed(study), "stages": stages})
