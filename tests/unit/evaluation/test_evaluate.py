"""The evaluate stage on stored predictions."""

from __future__ import annotations

import json

import pytest

from gmlm.config import EvaluationConfig, TaskConfig
from gmlm.errors import EmptyCorpusError, ModelMismatchError
from gmlm.evaluation.evaluate import evaluate

TASK = TaskConfig(kind="multi_label", reader="labels_jsonl", path="x", count_documents_without_labels=False)
CONFIG = EvaluationConfig(models=("base", "more"), baseline="base", seeds=(1, 2), resamples=500)


def _task(make_run, name="codes", config=TASK):
    return make_run("task", name).publish("task", config, [])


def _cell(make_run, name, predicted, gold=(["a"], ["a", "b"], ["b"], []), first_id=0):
    run = make_run("finetune", name)
    rows = [
        {"id": str(first_id + i), "gold": list(g), "predicted": p}
        for i, (g, p) in enumerate(zip(gold, predicted, strict=True))
    ]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    return run.publish("predictions", TASK, [run.write("predictions.test.jsonl", data)])


@pytest.fixture
def cells(make_run):
    weak, strong = [["a"], ["a"], [], ["a"]], [["a"], ["a", "b"], ["b"], ["a"]]
    made = {f"cell:base--codes--{seed}": _cell(make_run, f"base--codes--{seed}", weak) for seed in (1, 2)}
    made |= {"cell:more--codes--1": _cell(make_run, "more--codes--1", strong)}
    made |= {"cell:more--codes--2": _cell(make_run, "more--codes--2", weak)}
    return made | {"task:codes": _task(make_run)}


def _scores(run):
    return json.loads(run.store.read(run.key("scores.json")))


def test_the_table_holds_mean_spread_seeds_and_interval_of_each_model(make_run, cells):
    run = make_run("evaluate", inputs=cells)
    evaluate(CONFIG, run)
    task = _scores(run)["tasks"]["codes"]
    base, more = task["models"]["base"], task["models"]["more"]
    assert task["test_documents"] == 3  # the fourth has no gold labels, which this task leaves out
    assert base["seeds"] == {"1": pytest.approx(2 / 3), "2": pytest.approx(2 / 3)}
    assert base["std"] == 0.0
    assert more["mean"] == pytest.approx((1 + 2 / 3) / 2)
    assert more["std"] == pytest.approx((1 / 3) / 2**0.5)
    assert more["recall"] == pytest.approx((1 + 0.5) / 2)
    assert more["low"] <= more["mean"] <= more["high"]
    assert "left out" in task["convention"]


def test_every_model_is_compared_with_the_baseline(make_run, cells):
    run = make_run("evaluate", inputs=cells)
    evaluate(CONFIG, run)
    found = _scores(run)
    comparison = found["tasks"]["codes"]["comparisons"]
    assert list(comparison) == ["more"]
    assert comparison["more"]["baseline"] == "base"
    assert comparison["more"]["difference"] == pytest.approx((1 + 2 / 3) / 2 - 2 / 3)
    assert found["average"] == {"base": pytest.approx(2 / 3), "more": pytest.approx(5 / 6)}
    assert found["missing"] == []


def test_a_failed_cell_is_named_and_the_others_are_scored(make_run, cells):
    del cells["cell:more--codes--2"]
    run = make_run("evaluate", inputs=cells)
    manifest = evaluate(CONFIG, run)
    found = _scores(run)
    assert found["missing"] == ["more--codes--2"]
    assert found["tasks"]["codes"]["models"]["more"]["std"] is None
    assert manifest.counters == {"in": 4, "out": 3, "rejected": 0, "dropped": 1}


def test_a_baseline_without_cells_leaves_the_models_uncompared(make_run, cells):
    inputs = {role: manifest for role, manifest in cells.items() if "base" not in role}
    run = make_run("evaluate", inputs=inputs)
    evaluate(CONFIG, run)
    task = _scores(run)["tasks"]["codes"]
    assert list(task["models"]) == ["more"]
    assert task["comparisons"] == {}


def test_a_model_that_lacks_a_task_has_no_average(make_run, cells):
    cells |= {"task:other": _task(make_run, "other")}
    cells |= {
        f"cell:base--other--{seed}": _cell(make_run, f"base--other--{seed}", [["a"], [], [], []]) for seed in (1, 2)
    }
    run = make_run("evaluate", inputs=cells)
    evaluate(CONFIG, run)
    assert list(_scores(run)["average"]) == ["base"]


def test_equal_predictions_give_equal_bytes(make_run, cells):
    runs = [make_run("evaluate", name, inputs=cells) for name in ("first", "second")]
    for run in runs:
        evaluate(CONFIG, run)
    assert runs[0].store.read(runs[0].key("scores.json")) == runs[1].store.read(runs[1].key("scores.json"))


def test_cells_of_different_test_sets_are_refused(make_run, cells):
    cells["cell:more--codes--2"] = _cell(make_run, "more--codes--2b", [["a"]] * 4, first_id=7)
    with pytest.raises(ModelMismatchError, match="different documents"):
        evaluate(CONFIG, make_run("evaluate", inputs=cells))


def test_a_test_set_without_any_label_cannot_be_scored(make_run):
    inputs = {"task:codes": _task(make_run)}
    inputs |= {
        f"cell:{model}--codes--{seed}": _cell(make_run, f"{model}--codes--{seed}", [[]], gold=([],))
        for model in ("base", "more")
        for seed in (1, 2)
    }
    with pytest.raises(EmptyCorpusError, match="no test document has gold labels"):
        evaluate(CONFIG, make_run("evaluate", inputs=inputs))
