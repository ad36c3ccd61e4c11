"""What can be said of the image before it is built: the linter's verdict, what goes in, and what must not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
HADOLINT = Path(sys.executable).parent / "hadolint"


def instructions(name: str) -> list[str]:
    """Arguments of all instructions of this name, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", DOCKERFILE)
    return [line.removeprefix(f"{name} ") for line in joined.splitlines() if line.startswith(f"{name} ")]


def test_hadolint_has_nothing_to_say() -> None:
    result = subprocess.run([HADOLINT, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_hadolint_would_say_something(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\nRUN apt-get install tini\n", encoding="utf-8")
    result = subprocess.run([HADOLINT, "Dockerfile"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "DL3008" in result.stdout


def test_no_registry_is_named() -> None:
    assert instructions("ARG")[0] == "BASE_IMAGE=python:3.11-slim-bookworm"
    assert all(line.split()[0] in ("${BASE_IMAGE}", "dependencies") for line in instructions("FROM"))


def test_the_lock_is_installed_before_the_source_comes() -> None:
    copied = instructions("COPY")
    assert copied.index("--from=lock /lock ./") < copied.index("gmlm gmlm")
    assert "--frozen" in (ROOT / "scripts" / "image-dependencies").read_text()


def test_the_process_is_no_root_and_gets_signals() -> None:
    assert instructions("USER") == ["1001:0"]
    assert instructions("ENTRYPOINT") == ['["tini", "--", "python", "-m", "gmlm"]']


@pytest.mark.parametrize("setting", ["HF_HUB_OFFLINE=1", "DS_BUILD_OPS=0", "HOME=/tmp", "XDG_CACHE_HOME=/tmp/cache"])
def test_it_is_offline_compiles_nothing_and_writes_to_tmp_only(setting: str) -> None:
    assert setting in instructions("ENV")[-1].split()


def test_only_what_is_named_enters_the_build() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    sources = {word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]}
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == sources
