"""A plan that was stored is the plan that is read, on a machine that has none of the inputs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gmlm.config import StudyConfig
from gmlm.errors import ConfigError, InputNotFoundError, StorageError
from gmlm.storage.local import LocalStore
from gmlm.study.graph import build_graph
from gmlm.study.plan import Plan, plan_study
from gmlm.study.plan_file import read_plan, write_plan


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def plan(study: StudyConfig, study_file: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setenv("XDG_CACHE_HOME", str(study_file.parent / "cache"))
    return plan_study(build_graph(study), study_file.parent)


def test_it_is_read_back_equal_and_in_order_without_the_inputs(
    study: StudyConfig, plan: Plan, store: LocalStore, study_file: Path
) -> None:
    key = write_plan(store, study, plan)
    shutil.rmtree(study_file.parent / "texts")
    found = read_plan(store, key)
    assert list(found.nodes) == list(plan.nodes)
    assert found.nodes == plan.nodes
    assert [list(node.node.inputs) for node in found.nodes.values()] == [
        list(node.node.inputs) for node in plan.nodes.values()
    ]


def test_equal_plans_have_one_key_named_after_the_study(study: StudyConfig, plan: Plan, store: LocalStore) -> None:
    key = write_plan(store, study, plan)
    assert key.startswith("plans/small/")
    assert write_plan(store, study, plan) == key
    assert list(store.list("plans")) == [key]


def test_a_plan_of_other_work_is_refused(study: StudyConfig, plan: Plan, store: LocalStore) -> None:
    key = write_plan(store, study, plan)
    data = json.loads(store.read(key))
    data["study"]["seed"] += 1
    store.write(key, json.dumps(data).encode())
    with pytest.raises(ConfigError, match="use one image for all tasks"):
        read_plan(store, key)


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"study": {}, "nodes": [], "more": 1}'])
def test_a_damaged_plan_is_refused(store: LocalStore, data: bytes) -> None:
    store.write("plans/small/x.json", data)
    with pytest.raises(StorageError, match="damaged plan"):
        read_plan(store, "plans/small/x.json")


def test_a_missing_plan_is_named(store: LocalStore) -> None:
    with pytest.raises(InputNotFoundError, match="none"):
        read_plan(store, "plans/small/none.json")


def _finish(plan: Plan, store: LocalStore, *names: str) -> None:
    for name in names:
        store.write(f"{plan.nodes[name].prefix}/manifest.json", b"{}")


def test_a_tolerant_node_settles_for_what_is_finished(plan: Plan, store: LocalStore) -> None:
    whole = plan.nodes["evaluate/small"].fingerprint
    _finish(plan, store, "task/ner", "finetune/base--ner--1")
    settled = plan.settle("evaluate/small", store)
    assert set(settled.node.inputs.values()) == {"task/ner", "finetune/base--ner--1"}
    assert settled.fingerprint != whole


def test_a_report_finds_an_evaluation_that_settled_for_less(plan: Plan, store: LocalStore) -> None:
    _finish(plan, store, "task/ner", "finetune/base--ner--1")
    plan.settle("evaluate/small", store)
    _finish(plan, store, "evaluate/small")
    assert "evaluate/small" in plan.settle("report/small", store).node.inputs


def test_a_tolerant_node_whose_inputs_are_all_there_is_as_planned(plan: Plan, store: LocalStore) -> None:
    planned = plan.nodes["evaluate/small"]
    assert plan.settle("evaluate/small", store).node.inputs == {}
    _finish(plan, store, *planned.node.inputs.values())
    assert plan.settle("evaluate/small", store) == planned


def test_unfinished_training_is_found_again_at_another_zero_stage_only(
    study: StudyConfig, study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(study_file.parent / "cache"))
    found = []
    for change in ({}, {"zero_stage": 3, "checkpoint_every": 9}, {"learning_rate": 1e-3}):
        (phase,) = study.models["base"].phases
        phase = phase.model_copy(update={"optimisation": phase.optimisation.model_copy(update=change)})
        model = study.models["base"].model_copy(update={"phases": (phase,)})
        changed = study.model_copy(update={"models": {**study.models, "base": model}})
        found.append(plan_study(build_graph(changed), study_file.parent).nodes["pretrain/base"])
    plain, spread, other = found
    assert len({node.fingerprint for node in found}) == 3
    assert plain.progress == spread.progress != other.progress
