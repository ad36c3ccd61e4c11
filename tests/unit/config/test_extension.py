"""A study takes over another one of its folder and says only what differs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gmlm.config import load_study, parse_study, study_text
from gmlm.errors import ConfigError, InputNotFoundError

PARENT = """
name: parent
store: out
sources: {a: {reader: text, path: a, language: de}, b: {reader: text, path: b, language: de}}
recipes: {general: {sources: {a: {}}}}
models: {base: {base: hub/name}, more: {base: base, phases: [{corpus: general, steps: 5}]}}
tasks: {t: {kind: multi_label, reader: labels_jsonl, path: t}}
evaluation: {models: [more], baseline: base, seeds: [1, 2]}
"""


def written(folder: Path, **studies: str) -> Path:
    for name, text in studies.items():
        folder.joinpath(f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder / "child.yaml"


def test_mappings_are_merged_and_everything_else_is_replaced(tmp_path: Path) -> None:
    child = """
extends: parent.yaml
name: child
sources: {a: {path: elsewhere}}
recipes: {general: {sources: {b: {}}}}
evaluation: {seeds: [7, 8, 9]}
"""
    study = load_study(written(tmp_path, parent=PARENT, child=child))
    whole = yaml.safe_load(PARENT)
    whole["name"] = "child"
    whole["sources"]["a"]["path"] = "elsewhere"
    whole["recipes"]["general"]["sources"] = {"a": {}, "b": {}}
    whole["evaluation"]["seeds"] = [7, 8, 9]
    assert study == parse_study(yaml.safe_dump(whole, sort_keys=False))
    assert list(study.models) == ["base", "more"], "the order of the extended study stays"


def test_a_study_extends_one_that_extends_another(tmp_path: Path) -> None:
    middle = "extends: parent.yaml\nname: middle\nseed: 5\nstore: other"
    study = load_study(
        written(tmp_path, parent=PARENT, middle=middle, child="extends: middle.yaml\nname: child\nseed: 6")
    )
    assert (study.name, study.seed, study.store) == ("child", 6, "other")


def test_its_text_needs_the_other_file_no_longer_and_other_studies_stay_as_they_are(tmp_path: Path) -> None:
    path = written(tmp_path, parent=PARENT, child="extends: parent.yaml\nname: child\n# a comment")
    assert parse_study(study_text(path)) == load_study(path)
    assert study_text(tmp_path / "parent.yaml") == PARENT


@pytest.mark.parametrize("value", ["../parent.yaml", "/tmp/parent.yaml", "''", "[parent.yaml]", "3"])
def test_only_a_file_of_the_same_folder_is_extended(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match=r"child\.yaml: extends.*same folder"):
        load_study(written(tmp_path, parent=PARENT, child=f"extends: {value}\nname: child"))


def test_a_circle_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, child="extends: other.yaml\nname: child", other="extends: child.yaml\nname: other")
    with pytest.raises(ConfigError, match=r"other\.yaml: extends.*circle"):
        load_study(path)


def test_a_missing_or_broken_study_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, child="extends: parent.yaml\nname: child")
    with pytest.raises(InputNotFoundError, match=r"parent\.yaml"):
        load_study(path)
    written(tmp_path, parent="name: [")
    with pytest.raises(ConfigError, match=r"parent\.yaml.*not valid YAML in line 1"):
        load_study(path)


def test_a_study_given_as_text_extends_none() -> None:
    with pytest.raises(ConfigError, match="as text has no folder"):
        parse_study("extends: parent.yaml\nname: child")
