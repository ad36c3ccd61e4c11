"""Components and pipelines keep the conventions of kubeflow/pipelines-components, and hold no logic."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
import yaml

from components.readme import assets, render

ROOT = Path(__file__).parents[2]
ASSETS = list(assets())
METADATA = ["name", "stability", "dependencies", "tags", "lastVerified", "ci", "links"]
OURS = {"kfp", "components", "pipelines"}
BODY_LINES = 8
PARAMETERS = [pytest.param(folder, id=f"{folder.parent.name}/{folder.name}") for folder in ASSETS]
COMPONENTS = [folder for folder in ASSETS if (folder / "component.py").exists()]


def _module(folder: Path) -> Path:
    return next(folder / name for name in ("component.py", "pipeline.py") if (folder / name).exists())


@pytest.mark.parametrize("folder", PARAMETERS)
def test_it_has_the_files_of_the_conventions(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert {"__init__.py", "metadata.yaml", "README.md", "OWNERS"} <= names


@pytest.mark.parametrize("folder", [pytest.param(folder, id=folder.name) for folder in COMPONENTS])
def test_it_has_unit_and_local_tests(folder: Path) -> None:
    assert (folder / "tests" / "test_component_unit.py").is_file()
    assert (folder / "tests" / "test_component_local.py").is_file()


@pytest.mark.parametrize("folder", PARAMETERS)
def test_its_metadata_has_the_keys_in_order(folder: Path) -> None:
    metadata = yaml.safe_load((folder / "metadata.yaml").read_text())
    assert list(metadata) == METADATA
    assert metadata["name"] == folder.name
    assert (ROOT / metadata["links"]["documentation"]).is_file()


@pytest.mark.parametrize("folder", PARAMETERS)
def test_its_readme_is_up_to_date(folder: Path) -> None:
    assert (folder / "README.md").read_text() == render(folder), "run: python -m components.readme"


NO_DEFINITIONS = (
    "conftest.py",
    "readme.py",
    "canonical.py",
    "client.py",
    "connection.py",
    "local.py",
    "manifests.py",
    "submission.py",
)
"""Files that describe no component and no pipeline."""


@pytest.mark.parametrize("file", sorted([*ROOT.glob("components/**/*.py"), *ROOT.glob("pipelines/**/*.py")]), ids=str)
def test_it_imports_only_kfp_and_the_standard_library_at_its_top(file: Path) -> None:
    if "tests" in file.parts or file.name in NO_DEFINITIONS:
        return
    for node in ast.parse(file.read_text()).body:
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        roots = {name.split(".")[0] for name in names}
        assert roots <= OURS | set(sys.stdlib_module_names), f"{file}:{node.lineno}"


@pytest.mark.parametrize("folder", [pytest.param(folder, id=folder.name) for folder in COMPONENTS])
def test_its_body_only_calls_the_library(folder: Path) -> None:
    functions = [node for node in ast.parse(_module(folder).read_text()).body if isinstance(node, ast.FunctionDef)]
    (function,) = functions
    statements = function.body[1:]
    assert sum((item.end_lineno or 0) - item.lineno + 1 for item in statements) <= BODY_LINES
    assert not [node for item in statements for node in ast.walk(item) if isinstance(node, ast.If | ast.For | ast.Try)]


def test_every_stage_is_run_by_a_step_of_the_study_pipeline() -> None:
    from gmlm.study.registry import STAGES
    from pipelines.steps import COMPARISON, GRID, PRETRAINING, TRANSLATION

    in_steps = {stage for phase in (TRANSLATION, PRETRAINING, GRID) for step in phase.steps for stage in step.stages}
    assert in_steps | {name for _, name in COMPARISON} == set(STAGES)
