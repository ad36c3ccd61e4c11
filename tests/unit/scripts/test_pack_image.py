"""The image is the base and one layer more, which holds the library alone; equal trees give one image."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "pack-image"


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """An image as `docker save` writes it, of two layers."""
    layers = {f"blobs/sha256/{word}": word.encode() for word in ("one", "two")}
    config = {"config": {"Env": ["A=b"], "Cmd": ["bash"]}, "rootfs": {"type": "layers", "diff_ids": ["1", "2"]}}
    config |= {"architecture": "amd64", "os": "linux", "history": [{}, {}]}
    manifest = [{"Config": "blobs/sha256/c", "RepoTags": ["python:3"], "Layers": list(layers)}]
    members = {"blobs/sha256/c": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
    return archive(tmp_path / "base.tar", members | layers)


def pack(base: Path, output: Path) -> str:
    command = [sys.executable, str(SCRIPT), str(base), str(output), "--name", "local/gmlm"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def contents(image: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, bytes]]:
    """Manifest, configuration and all members of an image."""
    with tarfile.open(image) as tar:
        members = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
    (manifest,) = json.loads(members["manifest.json"])
    return manifest, json.loads(members[manifest["Config"]]), members


def test_the_library_comes_as_one_more_layer(base: Path, tmp_path: Path) -> None:
    name = pack(base, tmp_path / "image.tar")
    manifest, config, members = contents(tmp_path / "image.tar")
    assert manifest["RepoTags"] == [name]
    assert [members[layer] for layer in manifest["Layers"][:2]] == [b"one", b"two"]
    layer = members[manifest["Layers"][2]]
    assert config["rootfs"]["diff_ids"] == ["1", "2", f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        names = tar.getnames()
    assert {"opt/gmlm/gmlm/cli.py", "opt/gmlm/pipelines/steps.py"} <= set(names)
    assert "opt/gmlm/gmlm/kubernetes/profiles/smoke-cpu.yaml" in names
    assert not [name for name in names if "/tests/" in name or "__pycache__" in name]


def test_it_keeps_the_bases_environment_and_finds_library_and_packages(base: Path, tmp_path: Path) -> None:
    pack(base, tmp_path / "image.tar")
    _, config, _ = contents(tmp_path / "image.tar")
    assert "A=b" in config["config"]["Env"]
    assert "PYTHONPATH=/opt/gmlm:/site" in config["config"]["Env"]
    assert (config["architecture"], config["os"], config["config"]["Cmd"]) == ("amd64", "linux", None)


def test_equal_trees_give_one_name_and_another_base_another(base: Path, tmp_path: Path) -> None:
    first, again = pack(base, tmp_path / "1.tar"), pack(base, tmp_path / "2.tar")
    assert first == again
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    config = {"config": {}, "rootfs": {"diff_ids": ["3"]}}
    manifest = [{"Config": "c", "RepoTags": [], "Layers": ["l"]}]
    members = {"c": json.dumps(config).encode(), "l": b"3", "manifest.json": json.dumps(manifest).encode()}
    assert pack(archive(tmp_path / "other.tar", members), tmp_path / "3.tar") != first
