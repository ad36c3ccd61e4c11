"""With `pretraining_per_seed` each seed of the evaluation has pre-trainings of its own."""

from __future__ import annotations

import pytest

from gmlm.config import parse_study
from gmlm.errors import ConfigError
from gmlm.study.graph import Graph, build_graph
from tests.unit.study.conftest import STUDY

EACH = STUDY.replace("seeds: [1, 2]", "seeds: [4, 7, 9], pretraining_per_seed: true")


@pytest.fixture
def graph() -> Graph:
    return build_graph(parse_study(EACH))


def test_models_of_a_run_start_from_each_other_and_from_a_seed_of_their_own(graph: Graph) -> None:
    assert [graph[f"pretrain/base{run}"].seed for run in ("", ".run-2", ".run-3")] == [13, 14, 15]
    assert graph["pretrain/continued.run-2"].seed == 14
    assert graph["pretrain/continued.run-2"].inputs["base"] == "pretrain/base.run-2"
    assert graph["pretrain/continued.run-3"].inputs["base"] == "pretrain/base.run-3"


def test_cells_of_a_seed_have_the_models_of_its_run(graph: Graph) -> None:
    used = {seed: graph[f"finetune/continued--ner--{seed}"].inputs["model"] for seed in (4, 7, 9)}
    assert used == {4: "pretrain/continued", 7: "pretrain/continued.run-2", 9: "pretrain/continued.run-3"}


def test_texts_tokenizers_and_models_from_outside_are_the_same_for_all(graph: Graph) -> None:
    once = build_graph(parse_study(EACH.replace("true", "false")))
    further = set(graph) - set(once)
    assert further == {f"pretrain/{model}.run-{run}" for model in ("base", "continued") for run in (2, 3)}
    assert {graph[f"finetune/known--ner--{seed}"].inputs["model"] for seed in (4, 7, 9)} == {
        "base-model/deepset-gbert-base"
    }
    assert {node: graph[node] for node in once if not node.startswith(("evaluate", "report", "finetune"))} == {
        node: once[node] for node in once if not node.startswith(("evaluate", "report", "finetune"))
    }, "what was made without it is found again"


def test_models_that_are_not_compared_are_trained_once() -> None:
    graph = build_graph(parse_study(EACH.replace("models: [continued, known]", "models: [known]")))
    assert [node for node in graph if node.startswith("pretrain/continued")] == ["pretrain/continued"]
    assert "pretrain/base.run-3" in graph


def test_checkpoints_along_a_run_are_those_of_their_run() -> None:
    study = EACH.replace("  known:", "  early: {base: continued, at_step: 1}\n  known:").replace("known]", "early]")
    graph = build_graph(parse_study(study))
    assert graph["finetune/early--ner--7"].inputs["model"] == "checkpoint/continued.run-2.step-1"
    assert graph["checkpoint/continued.run-2.step-1"].inputs == {"model": "pretrain/continued.run-2"}
    assert graph["pretrain/continued.run-2"].config.model_dump()["kept_steps"] == (1,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("seeds: [4, 7, 9]", "seeds: [4, 4]"), "must be there once"),
        (("  known:", "  base.run-2: {base: x}\n  known:"), r"'base\.run-2' is the name of a further pre-training"),
    ],
)
def test_what_would_stand_for_two_things_is_refused(change: tuple[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_study(EACH.replace(*change))
