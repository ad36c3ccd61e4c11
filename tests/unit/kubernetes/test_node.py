"""A task runs one node; what would fail again is recorded, what may not is left to a retry."""

from __future__ import annotations

from typing import Any

import pytest

from gmlm.errors import LabelError, StageFailedError, StorageError
from gmlm.kubernetes.checking import check_study
from gmlm.kubernetes.node import NodeResult, run_planned_node
from gmlm.kubernetes.planning import select_nodes
from gmlm.kubernetes.statuses import find_failure, list_failures
from gmlm.storage.local import LocalStore

CELLS = ["finetune/base--ner--1", "finetune/continued--ner--1"]


def run(study: Any, node: str) -> NodeResult:
    return run_planned_node(str(study.store), study.plan, node, str(study.file.parent))


def run_until(study: Any, stage: str) -> None:
    """Run all nodes of the stages before the one that is named."""
    order = ["ingest", "task", "corpus", "tokenizer", "base-model", "tokens", "pretrain", "pretrain", "finetune"]
    for earlier in order[: order.index(stage)]:
        for node in select_nodes(str(study.store), study.plan, [earlier]):
            run(study, node)
    if stage == "finetune":
        for node in select_nodes(str(study.store), study.plan, ["pretrain"]):
            run(study, node)


def test_a_node_is_run_and_afterwards_recognised(study: Any) -> None:
    first = run(study, "ingest/german")
    again = run(study, "ingest/german")
    assert first.status == again.status == "done"
    assert first.manifest == again.manifest
    assert study.ran == ["ingest/german"]


def test_a_node_whose_inputs_are_not_finished_is_left_out(study: Any) -> None:
    result = run(study, "corpus/general")
    assert (result.status, result.message) == ("left out", "not finished: ingest/german")
    assert study.ran == []


def test_only_what_can_run_is_chosen(study: Any) -> None:
    store = str(study.store)
    assert select_nodes(store, study.plan, ["corpus"]) == []
    assert select_nodes(store, study.plan, ["ingest", "task"]) == ["ingest/german", "task/ner"]
    run(study, "ingest/german")
    assert select_nodes(store, study.plan, ["ingest", "task"]) == ["task/ner"]
    assert select_nodes(store, study.plan, ["corpus"]) == ["corpus/general"]


def test_models_upon_models_come_round_after_round(study: Any) -> None:
    run_until(study, "pretrain")
    assert select_nodes(str(study.store), study.plan, ["pretrain"]) == ["pretrain/base"]
    run(study, "pretrain/base")
    assert select_nodes(str(study.store), study.plan, ["pretrain"]) == ["pretrain/continued"]


def test_an_error_that_would_come_again_is_recorded_and_ends_the_task_without_failing_it(
    study: Any, opened: LocalStore
) -> None:
    study.failures["ingest/german"] = LabelError("a wrong label", where="file 3", fix="correct it")
    result = run(study, "ingest/german")
    assert result.status == "failed"
    failure = find_failure(opened, "small", "ingest/german")
    assert failure is not None
    assert (failure.error, failure.message) == ("LabelError", str(study.failures["ingest/german"]))


@pytest.mark.parametrize("error", [StorageError("lost"), RuntimeError("Patient Mustermann")])
def test_an_error_that_may_not_come_again_fails_the_task(study: Any, opened: LocalStore, error: Exception) -> None:
    study.failures["ingest/german"] = error
    with pytest.raises(type(error)):
        run(study, "ingest/german")
    (failure,) = list_failures(opened, "small")
    assert failure.error == type(error).__name__
    assert "Mustermann" not in failure.message


def test_a_failure_is_forgotten_when_its_node_finishes(study: Any, opened: LocalStore) -> None:
    study.failures["ingest/german"] = LabelError("a wrong label")
    run(study, "ingest/german")
    study.failures.clear()
    assert run(study, "ingest/german").status == "done"
    assert list_failures(opened, "small") == []


def test_evaluation_and_report_do_without_a_failed_cell_and_the_check_fails(study: Any) -> None:
    run_until(study, "finetune")
    study.failures[CELLS[1]] = LabelError("a wrong label")
    assert [run(study, cell).status for cell in CELLS] == ["done", "failed"]
    assert run(study, "audit/continued").status == "done"
    assert run(study, "evaluate").status == "done"
    report = run(study, "report")
    assert report.pages == {"html": "report/small"}
    assert report.manifest is not None
    roles = {made.role for made in report.manifest.inputs}
    assert {"evaluate/small", CELLS[0]} <= roles
    assert CELLS[1] not in roles
    with pytest.raises(StageFailedError, match="1 of 13 nodes") as caught:
        check_study(str(study.store), study.plan)
    assert f"- {CELLS[1]}: LabelError: a wrong label" in str(caught.value)


def test_the_check_says_what_was_not_reached(study: Any) -> None:
    run(study, "ingest/german")
    with pytest.raises(StageFailedError) as caught:
        check_study(str(study.store), study.plan, ["task", "pretrain"])
    message = str(caught.value)
    assert "- task/ner: its task was lost, or it was not reached" in message
    assert "- pretrain/base: needs tokenizer/words, tokens/general--words" in message


def test_a_stage_that_the_study_lacks_is_left_out(study: Any) -> None:
    assert run(study, "translate").status == "left out"
