"""The data cards say what the catalogue and the scorer say."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gmlm.cli import app
from gmlm.config.catalogue import catalogue_names
from gmlm.errors import ConfigError
from gmlm.evaluation.task_cards import card, page

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "tasks.md"


def test_page_is_up_to_date():
    message = "run: python -m gmlm.evaluation.task_cards > docs/reference/tasks.md"
    assert PAGE.read_text(encoding="utf-8") == page(), message


def test_a_card_names_metric_licence_access_and_sources():
    found = card("clef-ehealth-2019")
    assert "documents without gold labels are counted" in found
    assert "| access | on request from the organisers |" in found
    assert "| GBERT-base | 0.816 | Idrissi-Yaghir et al. 2024 (arXiv 2404.05694), model cards |" in found


def test_the_command_lists_all_tasks_or_shows_one():
    listed = CliRunner().invoke(app, ["tasks"]).stdout
    assert [line.split()[0] for line in listed.splitlines()] == list(catalogue_names())
    assert "MLQA" in CliRunner().invoke(app, ["tasks", "mlqa-de"]).stdout
    with pytest.raises(ConfigError, match="did you mean 'radqa'"):
        card("radq")
