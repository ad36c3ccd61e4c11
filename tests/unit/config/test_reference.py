"""The reference of the study file says what the code accepts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gmlm.config.base import Frozen
from gmlm.config.reference import models_of, study_reference
from gmlm.config.study import StudyConfig

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "study.md"


def test_page_is_up_to_date():
    message = "run: python -m gmlm.config.reference > docs/reference/study.md"
    assert PAGE.read_text(encoding="utf-8") == study_reference(), message


@pytest.mark.parametrize("model", models_of(StudyConfig), ids=lambda model: model.__name__)
def test_every_field_is_documented(model):
    assert issubclass(model, Frozen)
    assert model.__doc__
    for name, field in model.model_fields.items():
        assert field.description, name


def test_every_link_leads_to_a_section():
    page = study_reference()
    sections = {title.lower() for title in re.findall(r"^## (.*)$", page, flags=re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= sections


@pytest.mark.parametrize(
    "row",
    [
        "| `name` | name | **required** | Name of the study; it labels metrics and the report. |",
        '| `language` | `en` or `de` | `"en"` | Language of the text. |',
        "| `holdout_ratio` | number, ≥ 0, < 0.5 | `0.02` |",
        "| `betas` | list of 2: number, number | `[0.9, 0.999]` |",
        "| `sources` | mapping of name to [SourceMix](#sourcemix), at least 1 | **required** |",
        "| `seeds` | list of whole number | `[1, 2, 3]` |",
        '| `optimisation` | [Optimisation](#optimisation) | `{"learning_rate": 3e-05, "warmup_ratio": 0.1}` |',
    ],
)
def test_values_and_defaults_are_in_the_words_of_a_study_file(row):
    assert row in study_reference()
