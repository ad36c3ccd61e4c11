"""A study file is read whole or refused with one message that names the field and the nearest valid key."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

import gmlm.config
from gmlm.config import load_study, parse_study
from gmlm.config.base import Frozen
from gmlm.errors import ConfigError, InputNotFoundError

PHASE = "{corpus: general, steps: 1}"
DETECTS = f"objective: replaced_token_detection, phases: [{PHASE}]"
MODEL = "name: x\nsources: {t: {reader: text, path: t}}\nrecipes: {general: {sources: {t: {}}}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nmodel: {}", "model: unknown key; did you mean 'models'?"),
        (
            "name: x\nrecipes: {r: {sources: {s: {wait: 2}}}}",
            "recipes.r.sources.s.wait: unknown key; did you mean 'weight'?",
        ),
        (MODEL + "models: {m: {base: b, phases: [{corpus: general, step: 1}]}}", "did you mean 'steps'?"),
        (MODEL + "models: {m: {base: b, phases: [{corpus: generl, steps: 1}]}}", "did you mean 'general'?"),
        (MODEL + "models: {m: {base: b, phases: [{corpus: general}]}}", "exactly one of 'steps' and 'epochs'"),
        ("name: X", "name: String should match pattern"),
        ("name: [", "not valid YAML"),
        ("just text", "expected a mapping"),
        ("name: x\nsources: {t: {reader: word, path: t}}", "sources.t.reader: Input should be 'pubmed_xml'"),
        ("name: x\ntranslators: {t: {}}", "exactly one of 'model', 'train' and 'endpoint'"),
        (MODEL + f"models: {{m: {{base: b, generator: {{}}, phases: [{PHASE}]}}}}", "needs 'objective: replaced_token"),
        (MODEL + "models: {m: {base: b, objective: replaced_token_detection}}", "needs at least one phase"),
        (
            MODEL + f"models: {{m: {{architecture: {{tokenizer: t}}, {DETECTS}}}}}",
            "'replaced_token_detection' trains 'electra', not 'bert'",
        ),
        (MODEL + f"models: {{m: {{base: b, generator: {{base: g, size: 0.5}}, {DETECTS}}}}}", "not both"),
        (
            MODEL + f"models: {{m: {{base: b, generator: {{base: g}}, vocabulary: {{words: [w]}}, {DETECTS}}}}}",
            "would lack the words",
        ),
        (
            MODEL + f"models: {{m: {{base: b, {DETECTS}}}, same: {{base: m}}}}\naudit: {{models: [same]}}",
            "'same' is a discriminator, which fills in no masks",
        ),
        ("name: x\nevaluation: {models: [a], baseline: a}", "evaluation.models: 'a' is not defined"),
    ],
)
def test_a_mistake_is_named_with_its_cure(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_study(text, where="s.yaml")
    assert message in str(caught.value)
    assert "s.yaml" in str(caught.value)
    assert "What to do:" in str(caught.value)


def test_a_value_from_the_file_never_enters_the_message() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_study("name: x\nseed: Patient-Mustermann")
    assert "Mustermann" not in str(caught.value)


def test_sources_and_translations_may_not_share_a_name() -> None:
    text = (
        "name: x\nsources: {t: {reader: text, path: t}}\ntranslators: {m: {model: a}}\n"
        "translations: {t: {source: t, translator: m}}"
    )
    with pytest.raises(ConfigError, match="share the name 't'"):
        parse_study(text)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError):
        load_study(tmp_path / "none.yaml")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_bytes("name: ä".encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8"):
        load_study(file)


def test_a_study_is_frozen() -> None:
    study = parse_study("name: x")
    with pytest.raises(ValueError, match="frozen"):
        study.name = "y"  # type: ignore[misc]


def _config_models() -> list[type[BaseModel]]:
    return [value for value in vars(gmlm.config).values() if isinstance(value, type) and issubclass(value, Frozen)]


@pytest.mark.parametrize("model", _config_models(), ids=lambda model: model.__name__)
def test_every_field_is_documented(model: type[BaseModel]) -> None:
    undocumented = [name for name, field in model.model_fields.items() if not field.description]
    assert undocumented == []
