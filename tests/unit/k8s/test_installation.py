"""The scripts of an installation: the image is always named by digest, and the steps keep their order."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

DIGEST = "sha256:" + "a" * 64
FAKE = """#!/bin/bash
echo "$(basename "$0") $*" >>"$LOG"
case "$(basename "$0") $*" in
"kind get clusters") [ -z "$THERE" ] || echo gmlm ;;
"kind get nodes --name gmlm") echo gmlm-control-plane ;;
"docker ps"*) [ -z "$THERE" ] || echo 0123 ;;
"docker inspect"*) echo "localhost:5001/gmlm@sha256:%s" ;;
esac
""" % ("b" * 64)


def run(script: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run([script, *arguments], capture_output=True, text=True, check=False, env=variables)


@pytest.fixture
def scripts(k8s: Path) -> Path:
    return k8s.parent / "scripts"


@pytest.fixture
def fakes(tmp_path: Path) -> dict[str, str]:
    """Programs that only write down how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("docker", "kind", "kubectl", "make"):
        (folder / name).write_text(FAKE)
        (folder / name).chmod(0o755)
    log, installation = tmp_path / "log", tmp_path / "installation"
    variables = {"LOG": str(log), "KIND_FOLDER": str(installation), "THERE": ""}
    return {**variables, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def images(folder: Path) -> dict[str, str]:
    (image,) = yaml.safe_load((folder / "image" / "kustomization.yaml").read_text())["images"]
    return dict(image)


def test_an_installation_has_an_overlay_and_one_image(scripts: Path, tmp_path: Path) -> None:
    done = run(scripts / "set-image", str(tmp_path / "mine"), "single-gpu", f"reg.example:5000/team/gmlm@{DIGEST}")
    assert done.returncode == 0, done.stderr
    found = yaml.safe_load((tmp_path / "mine" / "kustomization.yaml").read_text())
    (resource,) = found["resources"]
    assert (tmp_path / "mine" / resource / "kustomization.yaml").is_file()
    assert found["components"][0] == "image"
    expected = {"name": "registry.example/gmlm", "newName": "reg.example:5000/team/gmlm", "digest": DIGEST}
    assert images(tmp_path / "mine") == expected


def test_another_digest_changes_nothing_else(scripts: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    run(scripts / "set-image", str(folder), "kind", f"r/gmlm@{DIGEST}")
    (folder / "kustomization.yaml").write_text("patched: by the user\n")
    run(scripts / "set-image", str(folder), "kind", "r/gmlm@sha256:" + "b" * 64)
    assert (folder / "kustomization.yaml").read_text() == "patched: by the user\n"
    assert images(folder)["digest"] == "sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("overlay", "image", "word"),
    [
        ("kind", "r/gmlm:latest", "sha256"),
        ("kind", "r/gmlm@sha256:123", "64 hexadecimal"),
        ("gpu", f"r/gmlm@{DIGEST}", "single-gpu"),
    ],
)
def test_a_tag_or_an_unknown_overlay_is_refused(
    scripts: Path, tmp_path: Path, overlay: str, image: str, word: str
) -> None:
    done = run(scripts / "set-image", str(tmp_path / "mine"), overlay, image)
    assert done.returncode == 2
    assert word in done.stderr
    assert not (tmp_path / "mine").exists()


def test_the_cluster_is_made_before_what_it_holds(scripts: Path, fakes: dict[str, str]) -> None:
    done = run(scripts / "kind-up", **fakes)
    assert done.returncode == 0, done.stderr
    calls = Path(fakes["LOG"]).read_text().splitlines()
    wanted = [
        "docker run",
        "kind create cluster",
        "kubectl apply --server-side",
        "make image",
        "docker push",
        f"kubectl apply --kustomize {fakes['KIND_FOLDER']}",
        "kubectl -n gmlm rollout status",
    ]
    positions = [next(number for number, call in enumerate(calls) if call.startswith(start)) for start in wanted]
    assert positions == sorted(positions)
    assert images(Path(fakes["KIND_FOLDER"]))["digest"] == "sha256:" + "b" * 64


def test_what_is_there_is_kept_and_an_image_that_is_given_is_not_built(scripts: Path, fakes: dict[str, str]) -> None:
    done = run(scripts / "kind-up", **{**fakes, "THERE": "yes", "KIND_IMAGE": f"reg.example/gmlm@{DIGEST}"})
    assert done.returncode == 0, done.stderr
    calls = Path(fakes["LOG"]).read_text()
    assert not [start for start in ("docker run", "kind create", "make", "docker push") if f"\n{start}" in f"\n{calls}"]
    assert images(Path(fakes["KIND_FOLDER"]))["newName"] == "reg.example/gmlm"


def test_a_missing_program_is_named(scripts: Path, tmp_path: Path) -> None:
    for name in ("bash", "dirname"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = run(scripts / "kind-up", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "docker is needed" in done.stderr


def test_the_cluster_of_the_scripts_is_the_one_that_is_described(k8s: Path) -> None:
    cluster = yaml.safe_load((k8s / "kind" / "cluster.yaml").read_text())
    assert (cluster["kind"], cluster["name"]) == ("Cluster", "gmlm")
    assert [node["role"] for node in cluster["nodes"]].count("worker") == 2
