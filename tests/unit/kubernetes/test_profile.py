"""A profile is checked when it is read; what a task does not set apart it takes from all tasks."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gmlm.errors import ConfigError, InputNotFoundError
from gmlm.kubernetes.profile import Profile, TaskSettings, load_profile, profile_names


def test_the_profiles_that_come_along_can_be_read() -> None:
    assert {load_profile(name).name for name in profile_names()} == {"smoke-cpu", "single-gpu", "multi-node"}


def test_an_override_keeps_what_it_does_not_name() -> None:
    profile = Profile(
        name="x",
        image="i",
        tasks=TaskSettings(cpu="2", memory="3Gi"),
        overrides={"pretrain": TaskSettings(memory="9Gi")},
    )
    assert (profile.settings("pretrain").cpu, profile.settings("pretrain").memory) == ("2", "9Gi")
    assert profile.settings("ingest").memory == "3Gi"


def test_an_override_may_take_something_away() -> None:
    shared = TaskSettings(shared_memory="1Gi")
    profile = Profile(name="x", image="i", tasks=shared, overrides={"report": TaskSettings(shared_memory=None)})
    assert profile.settings("report").shared_memory is None


def test_a_users_own_file_is_read_and_its_image_can_be_replaced(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"name": "mine", "image": "old"}))
    assert load_profile(str(file), image="new").image == "new"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nimage: i\nimagee: j\n", "imagee"),
        ("name: x\n", "image"),
        ("name: x\nimage: i\noverrides: {pretrian: {}}\n", "pretrian"),
        ("name: [\n", "not valid YAML"),
        ("name: x\nimage: i\ntasks: {retry: {backoff: soon}}\n", "backoff"),
    ],
)
def test_a_mistake_names_its_field(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_profile(str(file))


def test_an_unknown_profile_is_told_from_the_known_ones() -> None:
    with pytest.raises(InputNotFoundError, match="multi-node, single-gpu, smoke-cpu"):
        load_profile("big-gpu")
