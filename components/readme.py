"""Writes each component's and pipeline's README.md from its code and metadata; text after the marker is kept.

Run `python -m components.readme` after a change; a test fails where one is out of date.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import docstring_parser
import yaml

ROOT = Path(__file__).resolve().parents[1]
MARKER = "<!-- custom-content -->"
"""What follows it was written by hand."""


def assets() -> Iterator[Path]:
    """Folders of all components and pipelines, sorted."""
    yield from sorted(file.parent for file in ROOT.glob("components/*/*/component.py"))
    yield from sorted(file.parent for file in ROOT.glob("pipelines/*/pipeline.py"))


def render(folder: Path) -> str:
    """The README of a component or pipeline."""
    metadata = yaml.safe_load((folder / "metadata.yaml").read_text(encoding="utf-8"))
    spec, docstring = _specification(folder)
    told = {item.arg_name: item.description or "" for item in docstring.params}
    inputs = [(name, value.type, told[name] + _default(value)) for name, value in (spec.inputs or {}).items()]
    lines = [f"# {metadata['name']}", "", str(docstring.short_description), "", "## Inputs", "", *_table(inputs), ""]
    returned = docstring.returns.description or "" if docstring.returns else ""
    outputs = [(name, value.type, told.get(name, returned)) for name, value in (spec.outputs or {}).items()]
    if outputs:
        lines += ["## Outputs", "", *_table(outputs), ""]
    tags = ", ".join(metadata["tags"])
    lines += ["## Metadata", "", f"Stability: {metadata['stability']}. Tags: {tags}.", "", MARKER]
    return "\n".join(lines) + _custom(folder)


def _specification(folder: Path) -> tuple[Any, docstring_parser.Docstring]:
    package = ".".join(folder.relative_to(ROOT).parts)
    if (folder / "component.py").exists():
        component = getattr(import_module(f"{package}.component"), folder.name)
        return component.component_spec, docstring_parser.parse(component.python_func.__doc__)
    from gmlm.kubernetes.profile import load_profile

    module = import_module(f"{package}.pipeline")
    pipeline = module.build(load_profile("smoke-cpu"))
    docstring = docstring_parser.parse(pipeline.pipeline_func.__doc__)
    docstring.meta = [item for item in docstring.meta if isinstance(item, docstring_parser.DocstringParam)]
    docstring.short_description = str(module.__doc__).strip()
    return pipeline.component_spec, docstring


def _default(value: Any) -> str:
    return f" Default: `{value.default!r}`." if value.optional else ""


def _table(rows: list[tuple[str, str, str]]) -> list[str]:
    cells = [f"| `{name}` | `{kind}` | {' '.join(text.split())} |" for name, kind, text in rows]
    return ["| name | type | description |", "| --- | --- | --- |", *cells]


def _custom(folder: Path) -> str:
    file = folder / "README.md"
    _, _, custom = file.read_text(encoding="utf-8").partition(MARKER) if file.exists() else ("", "", "")
    return custom or "\n"


def main() -> None:
    """Write all of them."""
    for folder in assets():
        (folder / "README.md").write_text(render(folder), encoding="utf-8")


if __name__ == "__main__":
    main()
