"""The graph holds one node per part and stage, each behind what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gmlm.config import AuditConfig, BaseModelConfig, CanaryConfig, StudyConfig, parse_study
from gmlm.errors import ConfigError, InputNotFoundError
from gmlm.study.graph import build_graph
from gmlm.study.node import Node
from gmlm.study.plan import identify
from gmlm.study.raw_inputs import HashCache, raw_files
from gmlm.study.registry import COMMANDS, STAGES
from gmlm.study.selection import Selection


def test_every_part_has_its_node(study: StudyConfig) -> None:
    graph = build_graph(study)
    assert {
        "ingest/english",
        "ingest/german",
        "task/ner",
        "translator/marian",
        "translator-score/marian--held",
        "translate/translated",
        "corpus/general",
        "corpus/clinical",
        "tokenizer/words",
        "tokens/general--words",
        "tokens/clinical--words",
        "base-model/deepset-gbert-base",
        "pretrain/base",
        "pretrain/continued",
        *(f"finetune/{model}--ner--{seed}" for model in ("base", "continued", "known") for seed in (1, 2)),
        "evaluate/small",
        "report/small",
    } == set(graph)


def test_nodes_stand_behind_their_inputs(study: StudyConfig) -> None:
    seen: set[str] = set()
    for node in build_graph(study).values():
        assert set(node.inputs.values()) <= seen
        seen.add(node.id)


def test_a_continued_model_starts_from_its_base_and_shares_its_tokenizer(study: StudyConfig) -> None:
    node = build_graph(study)["pretrain/continued"]
    assert node.inputs == {"base": "pretrain/base", "tokens:0": "tokens/clinical--words"}


def test_a_model_without_phases_is_taken_as_it_is(study: StudyConfig) -> None:
    assert build_graph(study)["finetune/known--ner--1"].inputs["model"] == "base-model/deepset-gbert-base"


def test_a_corpus_is_decontaminated_against_every_task(study: StudyConfig) -> None:
    graph = build_graph(study)
    assert graph["corpus/clinical"].inputs["task:ner"] == "task/ner"
    assert "task:ner" not in graph["corpus/general"].inputs


def test_cells_differ_by_their_seed_only(study: StudyConfig) -> None:
    graph = build_graph(study)
    one, two = graph["finetune/base--ner--1"], graph["finetune/base--ner--2"]
    assert one.inputs == two.inputs
    assert one.config != two.config


def test_two_base_models_with_alike_names_stay_apart() -> None:
    text = """
name: x
sources: {t: {reader: text, path: t}}
tasks: {ner: {kind: token_classification, reader: conll, path: t}}
models: {a: {base: org/model}, b: {base: org-model}}
evaluation: {models: [b], baseline: a, seeds: [1]}
"""
    graph = build_graph(parse_study(text))
    first, second = (graph[f"finetune/{model}--ner--1"].inputs["model"] for model in ("a", "b"))
    assert first != second


CHECKPOINTS = """
name: x
sources: {t: {reader: text, path: t}}
recipes: {r: {sources: {t: {}}}}
tasks: {ner: {kind: token_classification, reader: conll, path: t}}
models:
  whole: {base: org/model, phases: [{corpus: r, steps: 9}]}
  early: {base: whole, at_step: 3}
  further: {base: whole, at_step: 5, phases: [{corpus: r, steps: 2}]}
evaluation: {models: [early, further], baseline: whole, seeds: [1]}
"""


def test_a_model_at_a_step_comes_from_the_one_run_which_keeps_it() -> None:
    graph = build_graph(parse_study(CHECKPOINTS))
    assert graph["pretrain/whole"].config.model_dump()["kept_steps"] == (3, 5)
    assert graph["checkpoint/whole.step-3"].inputs == {"model": "pretrain/whole"}
    assert graph["finetune/early--ner--1"].inputs["model"] == "checkpoint/whole.step-3"
    assert graph["pretrain/further"].inputs["base"] == "checkpoint/whole.step-5"
    assert graph["finetune/whole--ner--1"].inputs["model"] == "pretrain/whole"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("at_step: 3", "at_step: 9"), "below the 9 steps of the last phase"),
        (("base: whole, at_step: 3", "base: org/model, at_step: 3"), r"models\.early\.base.*not defined"),
        (("steps: 9", "steps: 9, optimisation: {engine: deepspeed}"), "use engine 'torch'"),
    ],
)
def test_a_step_that_no_run_keeps_is_refused(change: tuple[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_graph(parse_study(CHECKPOINTS.replace(*change)))


def test_a_generator_is_an_input_of_its_discriminator() -> None:
    detector = "objective: replaced_token_detection, generator: {base: whole}, phases: [{corpus: r, steps: 2}]"
    graph = build_graph(
        parse_study(CHECKPOINTS.replace("models:\n", f"models:\n  detector: {{base: org/model, {detector}}}\n"))
    )
    assert graph["pretrain/detector"].inputs["generator"] == "pretrain/whole"
    assert list(graph).index("pretrain/detector") > list(graph).index("pretrain/whole")


def test_a_local_generator_is_part_of_what_a_model_is_made_from(tmp_path: Path) -> None:
    for part in (tmp_path / "model", tmp_path / "model" / "generator"):
        part.mkdir()
        (part / "model.safetensors").write_bytes(part.name.encode())
    node = Node("base-model", "m", BaseModelConfig(model="model"), 1)
    assert sorted(raw_files(node, tmp_path)) == ["generator/model.safetensors", "model/model.safetensors"]


def test_a_circle_is_refused() -> None:
    text = """
name: x
sources: {t: {reader: text, path: t}}
recipes: {r: {sources: {t: {}}}}
models:
  a: {base: b, phases: [{corpus: r, steps: 1}]}
  b: {base: a, phases: [{corpus: r, steps: 1}]}
"""
    with pytest.raises(ConfigError, match="circle"):
        build_graph(parse_study(text))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_selects_its_stages(study: StudyConfig, command: str) -> None:
    graph = build_graph(study.model_copy(update={"audit": AuditConfig(models=("continued",))}))
    selected = Selection(only=command).nodes(graph)
    assert selected
    assert {STAGES[graph[node].stage].command for node in selected} == {command}


def test_from_selects_a_stage_and_all_that_needs_it(study: StudyConfig) -> None:
    selected = Selection(start="pretrain/continued").nodes(build_graph(study))
    assert selected[0] == "pretrain/continued"
    assert set(selected[1:]) == {
        "finetune/continued--ner--1",
        "finetune/continued--ner--2",
        "evaluate/small",
        "report/small",
    }


def test_a_misspelt_stage_gets_a_suggestion(study: StudyConfig) -> None:
    with pytest.raises(ConfigError, match="did you mean 'pretrain'"):
        Selection(only="pretrian").nodes(build_graph(study))


def test_a_part_is_selected_by_name(study: StudyConfig) -> None:
    graph = build_graph(study)
    assert Selection(only="ingest", name="german").nodes(graph) == ["ingest/german"]
    with pytest.raises(ConfigError, match="no part is named 'gemran'"):
        Selection(only="ingest", name="gemran").nodes(graph)


def test_input_files_are_named_from_the_sources_folder_on(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / "texts" / folder).mkdir(parents=True)
        (tmp_path / "texts" / folder / "note.txt").write_text(folder)
    graph = build_graph(parse_study("name: x\nsources: {t: {reader: text, path: texts}}"))
    assert list(raw_files(graph["ingest/t"], tmp_path)) == ["a/note.txt", "b/note.txt"]


def test_the_model_that_finds_identifiers_is_an_input_of_its_source(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Ein Text.")
    text = "name: x\nsources: {t: {reader: text, path: a.txt, language: de, deidentification: {model: ner}}}"
    node = build_graph(parse_study(text))["ingest/t"]
    with pytest.raises(InputNotFoundError, match="no such folder"):
        raw_files(node, tmp_path)
    (tmp_path / "ner").mkdir()
    fingerprints = set()
    for weights in ("one", "another"):
        (tmp_path / "ner" / "model.safetensors").write_text(weights)
        files = raw_files(node, tmp_path)
        assert list(files) == ["a.txt", "deidentification/model.safetensors"]
        hashes = HashCache(tmp_path / "hashes.json")
        found = tuple(hashes.raw_input(name, file) for name, file in files.items())
        fingerprints.add(identify(node, {}, found).fingerprint)
    assert len(fingerprints) == 2


def test_another_beam_size_trains_no_translator_again(study: StudyConfig) -> None:
    marian = study.translators["marian"]
    decoding = marian.decoding.model_copy(update={"beam_size": 4})
    other = study.model_copy(update={"translators": {"marian": marian.model_copy(update={"decoding": decoding})}})
    one, two = build_graph(study), build_graph(other)
    assert one["translator/marian"].config == two["translator/marian"].config
    assert one["translate/translated"].config != two["translate/translated"].config


def test_other_fine_tuning_builds_no_corpus_again(study: StudyConfig) -> None:
    ner = study.tasks["ner"]
    longer = ner.model_copy(update={"finetuning": ner.finetuning.model_copy(update={"epochs": 9})})
    one, two = build_graph(study), build_graph(study.model_copy(update={"tasks": {"ner": longer}}))
    assert one["task/ner"].config == two["task/ner"].config
    assert one["finetune/base--ner--1"].config != two["finetune/base--ner--1"].config


def test_an_audit_reads_what_the_reference_has_not_read(study: StudyConfig) -> None:
    audit = AuditConfig(models=("continued",))
    node = build_graph(study.model_copy(update={"audit": audit}))["audit/continued"]
    assert dict(node.inputs) == {
        "model": "pretrain/continued",
        "reference": "pretrain/base",
        "corpus:clinical": "corpus/clinical",
    }
    unaudited = study.model_copy(update={"audit": AuditConfig(models=("base",))})
    with pytest.raises(ConfigError, match="no model to compare with"):
        build_graph(unaudited)


def test_a_treated_corpus_is_built_from_the_plain_one(study: StudyConfig) -> None:
    recipe = study.recipes["clinical"]
    treated = recipe.model_copy(update={"canaries": CanaryConfig()})
    plain = build_graph(study)
    graph = build_graph(study.model_copy(update={"recipes": {**study.recipes, "clinical": treated}}))
    assert graph["corpus/clinical"] == plain["corpus/clinical"]
    assert dict(graph["treatment/clinical"].inputs) == {"corpus": "corpus/clinical"}
    assert graph["tokens/clinical--words"].inputs["corpus"] == "treatment/clinical"
    assert not [node for node in plain if node.startswith("treatment/")]


def test_floors_and_other_systems_join_the_table(study: StudyConfig) -> None:
    assert study.evaluation is not None
    more = {"floors": True, "systems": {"rules": {"ner": ("a.jsonl", "b.jsonl")}}}
    evaluation = study.evaluation.model_copy(update=more)
    graph = build_graph(study.model_copy(update={"evaluation": evaluation}))
    cells = [node for node in graph["evaluate/small"].inputs.values() if node.startswith(("floor/", "import/"))]
    assert cells == ["floor/floor--ner--1", "import/rules--ner--1", "import/rules--ner--2"]
    assert graph["import/rules--ner--2"].config.path == "b.jsonl"  # type: ignore[attr-defined]


def test_a_system_may_not_be_called_like_a_model() -> None:
    text = """
name: x
models: {rules: {base: some/model}}
tasks: {t: {kind: multi_label, reader: labels_jsonl, path: t}}
evaluation: {models: [rules], baseline: rules, systems: {rules: {t: [a.jsonl]}}}
"""
    with pytest.raises(ConfigError, match="'rules' stands for two things"):
        parse_study(text)
