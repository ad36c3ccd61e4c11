"""Imports point one way, and what must start fast imports nothing heavy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "gmlm"

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "interruption", "ranks", "__init__"}),
    frozenset({"telemetry"}),
    frozenset({"config"}),
    frozenset({"storage"}),
    frozenset({"manifest"}),
    frozenset({"stage"}),
    frozenset({"shards", "language", "deduplication", "multiple_testing", "usage"}),
    frozenset({"lineage"}),
    frozenset({"training"}),
    frozenset({"corpus", "translation", "pretraining", "finetuning", "evaluation", "audit", "report", "demo"}),
    frozenset({"study"}),
    frozenset({"deployment"}),
    frozenset({"kubernetes", "monitoring"}),
    frozenset({"commands"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
"""Rooms from the ground up; a room imports from lower layers and from itself."""

ALLOWED_BESIDE = {("finetuning", "evaluation"), ("finetuning", "translation"), ("audit", "pretraining")}
"""Neighbours within a layer: cells use the scores that evaluation compares; a task is translated as corpora are; an
audit loads what was trained."""

LIGHT_FILES = (
    "cli.py",
    "commands/outputs.py",
    "commands/running.py",
    "kubernetes/cli.py",
    "kubernetes/doctor/cli.py",
    "kubernetes/launcher/cli.py",
    "kubernetes/launcher/settings.py",
    "kubernetes/planning.py",
    "study/graph.py",
    "study/plan.py",
    "study/registry.py",
    "corpus/inputs.py",
    "config/load.py",
)
HEAVY = {"torch", "transformers", "deepspeed", "kfp", "datasets", "boto3", "pyarrow", "prometheus_client", "lxml"}


def _imports(file: Path, *, top_level: bool = False) -> Iterator[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def _layer(room: str) -> int:
    return next(index for index, rooms in enumerate(LAYERS) if room in rooms)


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_downwards(file: Path) -> None:
    room = _room(file)
    for module in _imports(file):
        parts = module.split(".")
        if parts[0] != "gmlm" or len(parts) == 1 or parts[1] == room:
            continue
        assert _layer(parts[1]) < _layer(room) or (room, parts[1]) in ALLOWED_BESIDE, f"{file.name} imports {module}"


@pytest.mark.parametrize("name", LIGHT_FILES)
def test_light_files_import_nothing_heavy_at_their_top(name: str) -> None:
    imported = {module.split(".")[0] for module in _imports(PACKAGE / name, top_level=True)}
    assert not imported & HEAVY


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_the_library_imports_no_kfp(file: Path) -> None:
    assert not {module for module in _imports(file) if module.split(".")[0] == "kfp"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_nothing_unpickles_or_runs_foreign_code(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        arguments = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        assert name not in {"pickle.load", "pickle.loads", "eval", "exec"}, f"{file.name}:{node.lineno}"
        assert arguments.get("trust_remote_code", "False") == "False", f"{file.name}:{node.lineno}"
        if name == "torch.load":
            assert arguments.get("weights_only") == "True", f"{file.name}:{node.lineno}"
