"""`gmlm evaluate --from-predictions`: the whole table without a model, other systems included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gmlm.cli import app
from gmlm.config import EvaluationConfig, TaskConfig
from gmlm.errors import DataFormatError, InputNotFoundError
from gmlm.evaluation.evaluate import evaluate
from gmlm.evaluation.recompute import recompute

TASK = TaskConfig(kind="multi_label", reader="labels_jsonl", path="x")
CONFIG = EvaluationConfig(models=("base", "more"), baseline="base", seeds=(1, 2), resamples=300)
GOLD = [["a"], ["a", "b"], ["b"], []] * 5
PREDICTED = {
    "base": {1: [["a"], ["a"], [], ["a"]] * 5, 2: [["a"], ["b"], [], []] * 5},
    "more": {1: [["a"], ["a", "b"], ["b"], ["a"]] * 5, 2: [["a"], ["a"], ["b"], []] * 5},
}


def _lines(predicted) -> str:
    rows = [{"id": f"d{i}", "gold": g, "predicted": p} for i, (g, p) in enumerate(zip(GOLD, predicted, strict=True))]
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Predictions of two models with two seeds."""
    made = tmp_path / "predictions"
    made.mkdir()
    for model, seeds in PREDICTED.items():
        for seed, predicted in seeds.items():
            (made / f"{model}--codes--{seed}.jsonl").write_text(_lines(predicted))
    return made


def test_the_record_is_that_of_the_stage(folder, make_run):
    inputs = {"task:codes": make_run("task", "codes").publish("task", TASK, [])}
    for path in folder.iterdir():
        run = make_run("finetune", path.stem)
        file = run.write("predictions.test.jsonl", path.read_bytes())
        inputs[f"cell:{path.stem}"] = run.publish("predictions", TASK, [file])
    run = make_run("evaluate", inputs=inputs)
    evaluate(CONFIG, run)
    stored = json.loads(run.store.read(run.key("scores.json")))
    assert json.loads(json.dumps(recompute(CONFIG, {"codes": TASK}, folder, run.seed))) == stored
    from_store = recompute(CONFIG, {"codes": TASK}, Path(run.store.local_path("finetune")), run.seed)
    assert json.loads(json.dumps(from_store)) == stored


def test_other_systems_join_the_table_with_or_without_gold(folder):
    (folder / "rules--codes--1.tsv").write_text("d0\ta\nd3\tb\n")
    (folder / "llm--codes--7.jsonl").write_text(_lines(GOLD))
    found = recompute(CONFIG, {"codes": TASK}, folder, 13)["tasks"]["codes"]
    assert list(found["models"]) == ["base", "more", "llm", "rules"]
    assert found["models"]["llm"]["mean"] == 1.0
    assert found["models"]["rules"]["seeds"] == {"1": pytest.approx(2 / (2 + 20))}
    assert set(found["comparisons"]) == {"more", "llm", "rules"}


def test_what_is_missing_is_named(folder):
    (folder / "more--codes--2.jsonl").unlink()
    assert recompute(CONFIG, {"codes": TASK}, folder, 13)["missing"] == ["more--codes--2"]


def test_a_cell_that_is_there_twice_is_refused(folder):
    (folder / "base--codes--1.tsv").write_text("d0\ta\n")
    with pytest.raises(DataFormatError, match="base--codes--1 is there more than once"):
        recompute(CONFIG, {"codes": TASK}, folder, 13)


def test_gold_must_come_from_somewhere(tmp_path):
    (tmp_path / "base--codes--1.tsv").write_text("d0\ta\n")
    with pytest.raises(DataFormatError, match="no file has the gold"):
        recompute(CONFIG, {"codes": TASK}, tmp_path, 13)


def test_documents_outside_the_test_set_are_refused(folder):
    (folder / "rules--codes--1.tsv").write_text("d0\ta\nx\tb\n")
    with pytest.raises(DataFormatError, match="1 of its documents are not in the test set"):
        recompute(CONFIG, {"codes": TASK}, folder, 13)


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_folder_without_predictions_is_an_error(tmp_path, name):
    with pytest.raises(InputNotFoundError):
        recompute(CONFIG, {"codes": TASK}, tmp_path / name, 13)


def test_the_command_prints_the_table_and_writes_the_scores(folder, tmp_path):
    study = tmp_path / "study.yaml"
    study.write_text("""
name: s
models: {base: {base: some/model}, more: {base: other/model}}
tasks: {codes: {kind: multi_label, reader: labels_jsonl, path: none.jsonl}}
evaluation: {models: [more], baseline: base, seeds: [1, 2], resamples: 200}
""")
    arguments = ["evaluate", str(study), "--from-predictions", str(folder), "--output", str(tmp_path / "out.json")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "codes (micro F1)  more" in result.output
    assert json.loads((tmp_path / "out.json").read_text())["average"].keys() == {"base", "more"}
