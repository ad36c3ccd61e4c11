"""Weights that forbid commercial use are taken only if the study says so."""

from __future__ import annotations

import shutil

import pytest

from gmlm.config import TranslatorConfig
from gmlm.errors import ConfigError
from gmlm.translation.licences import check_licence, licence_of
from gmlm.translation.translator import build_translator


@pytest.mark.parametrize(
    ("name", "licence"),
    [
        ("facebook/wmt19-en-de", "apache-2.0"),
        ("Helsinki-NLP/opus-mt-tc-big-en-de", "cc-by-4.0"),
        ("google/madlad400-3b-mt", "apache-2.0"),
        ("facebook/nllb-200-distilled-600M", "cc-by-nc-4.0"),
        ("Unbabel/TowerInstruct-7B-v0.2", "cc-by-nc-4.0"),
        ("someone/their-model", None),
    ],
)
def test_licences_by_name(name, licence):
    assert licence_of(name) == licence


def test_the_card_in_the_folder_is_asked_first(tmp_path):
    (tmp_path / "README.md").write_text("---\nlicense: CC-BY-NC-SA-4.0\nlanguage: [en, de]\n---\n# A model\n")
    assert licence_of("facebook/wmt19-en-de", tmp_path) == "cc-by-nc-sa-4.0"


@pytest.mark.parametrize(
    "card", ["", "# no header", "---\nlicense: [a\n---\n", "---\n- list\n---\n", "---\nlicense: 3\n---"]
)
def test_a_card_that_names_none_leaves_it_to_the_table(tmp_path, card):
    (tmp_path / "README.md").write_text(card)
    assert licence_of("facebook/nllb-200-3.3B", tmp_path) == "cc-by-nc-4.0"


def test_non_commercial_weights_need_the_studys_word():
    with pytest.raises(ConfigError, match=r"nllb.*cc-by-nc-4.0 forbids commercial use\n.*non_commercial"):
        check_licence("facebook/nllb-200-3.3B", None, non_commercial=False)
    check_licence("facebook/nllb-200-3.3B", None, non_commercial=True)
    check_licence("someone/their-model", None, non_commercial=False)


def test_a_translator_is_refused_before_it_is_copied(tmp_path, make_run, tiny_folder):
    shutil.copytree(tiny_folder, tmp_path / "mine")
    (tmp_path / "mine" / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    run = make_run("translator")
    with pytest.raises(ConfigError, match="forbids commercial use"):
        build_translator(TranslatorConfig(model="mine"), run)
    assert not list(run.store.list(run.prefix))
    assert build_translator(TranslatorConfig(model="mine", non_commercial=True), run).files
    with pytest.raises(ConfigError, match="forbids commercial use"):
        build_translator(
            TranslatorConfig(endpoint={"url": "http://vllm/v1", "model": "Unbabel/TowerInstruct-7B-v0.2"}), run
        )
