"""Paths of a study start at its folder; variables are filled in from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from gmlm.config.paths import resolve_model, resolve_path
from gmlm.errors import ConfigError


def test_relative_paths_start_at_the_study(tmp_path: Path) -> None:
    assert resolve_path("a/b.txt", tmp_path) == tmp_path / "a" / "b.txt"
    assert resolve_path("/a/b.txt", tmp_path) == Path("/a/b.txt")


def test_variables_are_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORPORA", "/corpora")
    assert resolve_path("${CORPORA}/x", tmp_path) == Path("/corpora/x")


def test_an_unset_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CORPORA", raising=False)
    with pytest.raises(ConfigError, match="CORPORA is not set"):
        resolve_path("${CORPORA}/x", tmp_path)


def test_a_model_is_a_folder_or_a_name_on_the_hub(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert resolve_model("mine", tmp_path) == tmp_path / "mine"
    assert resolve_model("deepset/gbert-base", tmp_path) is None
