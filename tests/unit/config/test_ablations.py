"""An ablation becomes models and recipes of the study, compared like the others."""

from __future__ import annotations

import json

import pytest

from gmlm.config import ModelConfig, StudyConfig, ablation_points, parse_study
from gmlm.errors import ConfigError

STUDY = """
name: x
sources: {{t: {{reader: text, path: t}}, n: {{reader: text, path: n}}}}
translators: {{m: {{model: a}}}}
translations: {{translated: {{source: t, translator: m, quality: {{}}}}}}
recipes: {{clinical: {{sources: {{translated: {{}}}}}}, notes: {{sources: {{n: {{}}}}}}}}
models:
  base: {{base: deepset/gbert-base}}
  continued: {{base: base, phases: [{{corpus: notes, steps: 9}}, {{corpus: clinical, steps: 4, mask_rate: 0.2}}]}}
  other: {{base: deepset/gelectra-base, phases: [{{corpus: notes, epochs: 2}}]}}
tasks: {{ner: {{kind: token_classification, reader: spans_jsonl, path: s}}}}
evaluation: {{models: [continued], baseline: base}}
ablations: {{{ablations}}}
"""


def study_of(ablations: str) -> StudyConfig:
    return parse_study(STUDY.format(ablations=ablations))


def test_a_mask_rate_varies_the_last_phase_alone() -> None:
    study = study_of("masks: {models: [continued], mask_rate: [0.15, 0.4]}")
    varied = study.models["continued.mask-0.4"]
    assert [phase.mask_rate for phase in varied.phases] == [0.15, 0.4]
    assert varied.phases[0] == study.models["continued"].phases[0]
    assert study.evaluation is not None
    assert study.evaluation.models == ("continued", "continued.mask-0.15", "continued.mask-0.4")


def test_a_value_that_the_model_has_is_the_model_itself() -> None:
    study = study_of("masks: {models: [continued], mask_rate: [0.2, 0.4]}")
    assert [point.model for point in ablation_points(study)] == ["continued", "continued.mask-0.4"]


def test_steps_take_the_place_of_epochs() -> None:
    study = study_of("seen: {models: [other], steps: [2, 8]}")
    assert [study.models[f"other.steps-{n}"].phases[-1].steps for n in (2, 8)] == [2, 8]
    assert study.models["other.steps-2"].phases[-1].epochs is None


def test_models_and_corpora_are_crossed() -> None:
    study = study_of("crossed: {models: [continued, other], corpus: [notes, clinical]}")
    points = [(point.series, point.value, point.model) for point in ablation_points(study)]
    assert points == [
        ("continued", "notes", "continued.corpus-notes"),
        ("continued", "clinical", "continued"),
        ("other", "notes", "other"),
        ("other", "clinical", "other.corpus-clinical"),
    ]
    assert study.models["other.corpus-clinical"].phases[-1].corpus == "clinical"


def test_a_quality_threshold_is_a_recipe_of_its_own() -> None:
    study = study_of("quality: {models: [continued], min_translation_quality: [0.5, 0.8]}")
    recipe = study.recipes["clinical.quality-0.8"]
    assert recipe == study.recipes["clinical"].model_copy(update={"min_translation_quality": 0.8})
    assert study.models["continued.quality-0.8"].phases[-1].corpus == "clinical.quality-0.8"


def test_checkpoints_along_one_run_are_shown_as_tokens_from_the_base_to_the_end() -> None:
    study = study_of("seen: {models: [continued], checkpoints: [1, 3, 4]}")
    assert study.models["continued.step-3"] == ModelConfig(base="continued", at_step=3)
    points = [(point.setting, point.value, point.model) for point in ablation_points(study)]
    assert points == [
        ("tokens seen", 8192, "continued.step-1"),
        ("tokens seen", 3 * 8192, "continued.step-3"),
        ("tokens seen", 4 * 8192, "continued"),
    ]


def test_at_zero_tokens_stands_what_the_model_starts_from() -> None:
    text = STUDY.format(ablations="seen: {models: [late], checkpoints: [0, 2]}")
    study = parse_study(
        text.replace("models:\n", "models:\n  late: {base: other, phases: [{corpus: notes, steps: 3}]}\n", 1)
    )
    assert [(point.value, point.model) for point in ablation_points(study)] == [(0, "other"), (16384, "late.step-2")]


def test_an_expanded_study_that_is_written_and_read_is_the_same() -> None:
    study = study_of("masks: {models: [continued], mask_rate: [0.15, 0.4]}")
    assert StudyConfig.model_validate(json.loads(study.model_dump_json())) == study


@pytest.mark.parametrize(
    ("ablations", "message"),
    [
        ("a: {models: [continued]}", "vary exactly one of"),
        ("a: {models: [continued], steps: [1], mask_rate: [0.1]}", "vary exactly one of"),
        ("a: {models: [continued], steps: [1, 1]}", "each value once"),
        ("a: {models: [base], steps: [1]}", "'base' is no model of this study with a phase"),
        ("a: {models: [continued], mask_rate: [1.5]}", "ablations.a.mask_rate.0: Input should be less than 1"),
        ("a: {models: [continued], corpus: [note]}", "did you mean 'notes'?"),
        ("a: {models: [continued], checkpoints: [0, 2]}", "before its last phase 'continued' is no model"),
    ],
)
def test_a_mistake_is_named(ablations: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r"ablations|models") as caught:
        study_of(ablations)
    assert message in str(caught.value)


def test_an_ablation_needs_a_comparison() -> None:
    text = STUDY.format(ablations="a: {models: [continued], steps: [1]}")
    with pytest.raises(ConfigError, match="without 'evaluation'"):
        parse_study("\n".join(line for line in text.splitlines() if not line.startswith("evaluation")))
