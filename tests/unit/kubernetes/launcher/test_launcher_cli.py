"""`gmlm kubernetes` renders what would be made, and removes what is left over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from gmlm.cli import app
from gmlm.kubernetes.launcher import cluster as cluster_module
from gmlm.kubernetes.launcher.render import render_group
from gmlm.kubernetes.profile import Profile

NODE = "ingest/german"


def call(*arguments: str) -> list[str]:
    result = CliRunner().invoke(app, ["kubernetes", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


@pytest.fixture
def own_profile(tmp_path: Path, profile: Profile) -> str:
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump(profile.model_dump(mode="json", exclude_unset=True)))
    return str(file)


def test_rendering_prints_objects_for_kubectl(study: Any, own_profile: str) -> None:
    options = ["--store", str(study.store), "--plan", study.plan, "--profile", own_profile, "--image", "other@sha256:1"]
    (trainjob,) = yaml.safe_load_all("\n".join(call("render", NODE, *options)))
    assert trainjob["kind"] == "TrainJob"
    assert trainjob["spec"]["trainer"]["image"] == "other@sha256:1"
    assert trainjob["metadata"]["annotations"]["gmlm/node"] == NODE


def test_the_reaper_names_what_it_removes(cluster: Any, make_group: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(cluster_module, "Cluster", lambda namespace: asked.append(namespace) or cluster)
    monkeypatch.setenv("GMLM_NAMESPACE", "studies")
    (manifest,) = render_group(make_group("trainjob"))
    cluster.create(manifest)
    name = f"TrainJob/{manifest['metadata']['name']}"
    assert call("reap", "--dry-run") == [f"would remove {name}"]
    assert call("reap") == [f"removed {name}"]
    assert call("reap") == []
    assert asked == ["studies"] * 3
