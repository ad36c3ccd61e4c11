"""A study is planned in the store from text, a file or S3, and its folder may lie on S3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gmlm.config import parse_study
from gmlm.errors import ConfigError, InputNotFoundError
from gmlm.kubernetes import planning, study_folder
from gmlm.kubernetes.node import run_planned_node
from gmlm.kubernetes.planning import plan_study, read_study, rounds_needed
from gmlm.storage.local import LocalStore

CHAIN = """
name: chain
sources: {german: {reader: text, path: texts, language: de}}
recipes: {general: {sources: {german: {}}}}
tokenizers: {words: {train: {corpus: general}}, copied: {model: third}}
models:
  first: {architecture: {tokenizer: words}, phases: [{corpus: general, steps: 1}]}
  second: {base: first, phases: [{corpus: general, steps: 1}]}
  third: {base: second, phases: [{corpus: general, steps: 1}]}
  fourth: {architecture: {tokenizer: copied}, phases: [{corpus: general, steps: 1}]}
"""


def test_a_study_is_read_from_text_and_from_a_file(study: Any) -> None:
    assert read_study(study.file.read_text()) == read_study(str(study.file))


def test_a_study_on_s3_finds_the_one_that_it_extends_beside_it(tmp_path: Path, monkeypatch: Any) -> None:
    folder = LocalStore(tmp_path)
    monkeypatch.setattr(planning, "open_store", {"s3://bucket/studies": folder}.__getitem__)
    folder.write("chain.yaml", CHAIN.encode())
    folder.write("longer.yaml", b"extends: chain.yaml\nname: longer\nseed: 5\n")
    expected = read_study(CHAIN).model_copy(update={"name": "longer", "seed": 5})
    assert read_study("s3://bucket/studies/longer.yaml") == expected


def test_the_plan_does_not_depend_on_where_the_inputs_lie(study: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(study.file.parent)
    assert plan_study(study.file.read_text(), str(study.store), str(tmp_path / "elsewhere")) == study.plan


def test_a_wrong_study_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        plan_study("name: x\nmodle: 1\n", str(tmp_path / "store"))
    assert not (tmp_path / "store").exists()


def test_a_missing_input_is_named(study: Any) -> None:
    with pytest.raises(InputNotFoundError, match="texts"):
        plan_study(study.file.read_text(), str(study.store), str(study.store))


def test_each_model_upon_a_model_needs_a_round(study: Any) -> None:
    assert rounds_needed(read_study(str(study.file))) == 2
    assert rounds_needed(parse_study(CHAIN)) == 4
    assert rounds_needed(parse_study("name: empty\n")) == 1
    assert rounds_needed(parse_study(CHAIN.replace("second: {", "second: {vocabulary: {words: [Ileus]}, "))) == 4


@pytest.fixture
def remote(study: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let `s3://inputs` be the study's folder; returns the names that are copied from it."""
    copied: list[str] = []

    class Remote(LocalStore):
        def download(self, key: str, path: Path, *, sha256: str | None = None) -> None:
            copied.append(key)
            super().download(key, path, sha256=sha256)

    monkeypatch.setattr(study_folder, "open_store", lambda address: Remote(study.file.parent))
    return copied


def test_a_folder_on_s3_gives_the_same_plan(study: Any, remote: list[str]) -> None:
    assert plan_study(study.file.read_text(), str(study.store), "s3://inputs") == study.plan


def test_a_node_copies_its_own_inputs_and_nothing_else(study: Any, remote: list[str]) -> None:
    run_planned_node(str(study.store), study.plan, "ingest/german", "s3://inputs")
    assert remote == ["texts/a.txt"]
    assert (study.folders["ingest/german"] / "texts" / "a.txt").is_file()
    remote.clear()
    run_planned_node(str(study.store), study.plan, "corpus/general", "s3://inputs")
    assert remote == []
