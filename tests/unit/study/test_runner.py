"""A study runs node after node; finished nodes are recognised, failed ones stop only what needs them."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gmlm.config import parse_study
from gmlm.config.base import Frozen
from gmlm.errors import AccessDeniedError, ConfigError, DiskFullError, InterruptedRunError, LabelError, StorageError
from gmlm.manifest import Manifest
from gmlm.stage import StageRun
from gmlm.storage.local import LocalStore
from gmlm.study import commands, runner
from gmlm.study.graph import build_graph
from gmlm.study.plan import plan_study
from gmlm.study.runner import StudyOutcome, StudyRunner
from gmlm.study.selection import Selection
from gmlm.usage.record import records_of


class Stages:
    """Stands for all stages: each publishes its own name, and fails where it is told to."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.failures: dict[str, BaseException] = {}
        self.inputs: dict[str, set[str]] = {}

    def load(self, stage: str) -> Callable[[Frozen, StageRun], Manifest]:
        def work(config: Frozen, run: StageRun) -> Manifest:
            node = f"{run.stage}/{run.name}"
            self.ran.append(node)
            self.inputs[node] = set(run.inputs)
            if node in self.failures:
                raise self.failures[node]
            return run.publish("documents", config, [run.write("x", node.encode())])

        return work


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stages:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = Stages()
    monkeypatch.setattr(runner, "load_stage", made.load)
    return made


def run(study_file: Path, **selection: Any) -> StudyOutcome:
    _, outcome = commands.run(study_file, Selection(**selection), observer=lambda node, outcome: None)
    return outcome


def statuses(outcome: StudyOutcome) -> set[str]:
    return {node.status for node in outcome.nodes.values()}


def test_every_node_runs_once_and_is_recognised_afterwards(study_file: Path, stages: Stages) -> None:
    first = run(study_file)
    assert statuses(first) == {"done"}
    assert sorted(stages.ran) == sorted(first.nodes)
    second = run(study_file)
    assert statuses(second) == {"finished before"}
    assert len(stages.ran) == len(first.nodes)


def test_a_changed_setting_runs_that_node_and_what_needs_it(study_file: Path, stages: Stages) -> None:
    run(study_file)
    stages.ran.clear()
    study_file.write_text(
        study_file.read_text().replace("{corpus: clinical, steps: 2}", "{corpus: clinical, steps: 3}")
    )
    run(study_file)
    assert stages.ran[0] == "pretrain/continued"
    assert set(stages.ran[1:]) == {
        "finetune/continued--ner--1",
        "finetune/continued--ner--2",
        "evaluate/small",
        "report/small",
    }


def test_a_changed_input_file_runs_what_reads_it(study_file: Path, stages: Stages) -> None:
    run(study_file)
    stages.ran.clear()
    (study_file.parent / "spans.jsonl").write_text('{"changed": 1}\n')
    run(study_file)
    assert "task/ner" in stages.ran
    assert "ingest/english" not in stages.ran


def test_a_failed_cell_leaves_the_report_standing(study_file: Path, stages: Stages) -> None:
    stages.failures["finetune/base--ner--2"] = LabelError("bad label")
    outcome = run(study_file)
    assert set(outcome.failures) == {"finetune/base--ner--2"}
    assert outcome.nodes["evaluate/small"].status == "done"
    assert "cell:base--ner--2" not in stages.inputs["evaluate/small"]
    assert "cell:base--ner--1" in stages.inputs["evaluate/small"]


def test_after_the_cure_only_the_failed_cell_and_its_followers_run(study_file: Path, stages: Stages) -> None:
    stages.failures["finetune/base--ner--2"] = LabelError("bad label")
    run(study_file)
    stages.failures.clear()
    stages.ran.clear()
    assert statuses(run(study_file)) == {"done", "finished before"}
    assert stages.ran == ["finetune/base--ner--2", "evaluate/small", "report/small"]


def test_what_needs_a_failed_node_is_left_out(study_file: Path, stages: Stages) -> None:
    stages.failures["pretrain/continued"] = StorageError("lost")
    outcome = run(study_file)
    assert outcome.nodes["finetune/continued--ner--1"].status == "left out"
    assert outcome.nodes["finetune/base--ner--1"].status == "done"


def test_an_interrupted_node_ends_the_run_and_is_repeated(study_file: Path, stages: Stages) -> None:
    stages.failures["corpus/general"] = KeyboardInterrupt()
    with pytest.raises(InterruptedRunError):
        run(study_file)
    stages.failures.clear()
    done_before = [node for node in stages.ran if node != "corpus/general"]
    stages.ran.clear()
    run(study_file)
    assert "corpus/general" in stages.ran
    assert not set(done_before) & set(stages.ran)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DiskFullError),
        (PermissionError(errno.EACCES, "denied", "/data/x"), AccessDeniedError),
    ],
)
def test_errors_of_the_operating_system_are_explained(
    study_file: Path, stages: Stages, error: OSError, expected: type[Exception]
) -> None:
    stages.failures["ingest/german"] = error
    assert isinstance(run(study_file).failures["ingest/german"], expected)


def test_a_stage_alone_needs_its_inputs(study_file: Path, stages: Stages) -> None:
    with pytest.raises(ConfigError, match=r"its input .* is not finished"):
        run(study_file, only="pretrain/base")


def test_force_makes_a_finished_stage_again(study_file: Path, stages: Stages) -> None:
    run(study_file)
    stages.ran.clear()
    run(study_file, only="ingest/german", force=True)
    assert stages.ran == ["ingest/german"]


def test_the_same_study_gives_the_same_bytes_in_another_store(study_file: Path, stages: Stages) -> None:
    contents = []
    for store in ("one", "two"):
        commands.run(study_file, Selection(), store=str(study_file.parent / store), observer=lambda node, outcome: None)
        folder = LocalStore(study_file.parent / store)
        outputs = [key for key in folder.list() if not key.startswith((".scratch", "usage"))]
        contents.append({key: folder.read(key) for key in outputs})
    assert contents[0] == contents[1]


def test_all_attempts_at_an_output_are_recorded_and_force_begins_anew(study_file: Path, stages: Stages) -> None:
    stages.failures = {"ingest/german": LabelError("wrong")}
    run(study_file, only="ingest/german")
    stages.failures = {}
    run(study_file)
    planned = plan_study(build_graph(parse_study(study_file.read_text())), study_file.parent).nodes["ingest/german"]
    store = LocalStore(study_file.parent / "runs")
    assert len(records_of(store, "ingest", "german", planned.fingerprint)) == 2
    run(study_file, only="ingest/german", force=True)
    assert len(records_of(store, "ingest", "german", planned.fingerprint)) == 1


def test_a_second_run_of_the_same_node_is_refused_while_the_first_is_at_work(study_file: Path, stages: Stages) -> None:
    plan = plan_study(build_graph(parse_study(study_file.read_text())), study_file.parent)
    store = LocalStore(study_file.parent / "runs")
    inner: list[StudyOutcome] = []

    def run_again(config: Frozen, stage_run: StageRun) -> Manifest:
        if not inner:
            inner.append(StudyRunner(plan, store, study_file.parent).run(Selection(only="ingest/german")))
        return stage_run.publish("documents", config, [])

    stages.load = lambda stage: run_again  # type: ignore[method-assign]
    runner.load_stage = stages.load  # type: ignore[assignment]
    StudyRunner(plan, store, study_file.parent).run(Selection(only="ingest/german"))
    assert isinstance(inner[0].failures["ingest/german"], StorageError)
