"""Gives the parts of a compiled pipeline names that depend on nothing but the pipeline.

kfp numbers components and executors of nested pipelines in the order of a protobuf map, which differs from process to
process, and lets some components share an executor of the same content. Equal pipelines must be equal bytes: for
reviews, for caches, and for names made of their hash.
"""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

NUMBERS = re.compile(r"(-\d+)+$")
"""What kfp adds to a name that is taken."""


def rewrite(file: Path) -> None:
    """Make a compiled pipeline canonical where it lies; the comments at its top stay."""
    text = file.read_text(encoding="utf-8")
    comments = [line for line in text.splitlines(keepends=True) if line.startswith("#")]
    documents = list(yaml.safe_load_all(text))
    canonicalise(documents[0], documents[1] if len(documents) > 1 else {})
    file.write_text("".join(comments) + yaml.safe_dump_all(documents, sort_keys=True), encoding="utf-8")


def canonicalise(spec: dict[str, Any], platform: dict[str, Any]) -> None:
    """Number components and executors as a walk from the root meets them, tasks by name.

    Args:
        spec: Pipeline spec; changed in place.
        platform: What it asks of a platform, or nothing; changed in place.
    """
    components = spec["components"]
    met = list(dict.fromkeys(_walk(spec["root"]["dag"], components)))
    names = _numbered(met)
    for graph in (spec["root"]["dag"], *(it["dag"] for it in components.values() if "dag" in it)):
        for task in graph["tasks"].values():
            task["componentRef"]["name"] = names[task["componentRef"]["name"]]
            if "dependentTasks" in task:
                task["dependentTasks"].sort()
    spec["components"] = {names[name]: components[name] for name in met}
    _give_each_its_executor(spec, platform)


def _give_each_its_executor(spec: dict[str, Any], platform: dict[str, Any]) -> None:
    """Name the executor of `comp-NAME` `exec-NAME`, for the pipeline and for what it asks of platforms."""
    platforms = platform.get("platforms", {}).values()
    holders = [spec["deploymentSpec"], *(it["deploymentSpec"] for it in platforms)]
    before: list[dict[str, Any]] = [holder["executors"] for holder in holders]
    for holder in holders:
        holder["executors"] = {}
    for name, component in spec["components"].items():
        if "executorLabel" not in component:
            continue
        old, new = component["executorLabel"], f"exec-{name.removeprefix('comp-')}"
        component["executorLabel"] = new
        for holder, executors in zip(holders, before, strict=True):
            if old in executors:
                holder["executors"][new] = copy.deepcopy(executors[old])


def _walk(graph: dict[str, Any], components: dict[str, Any]) -> Iterator[str]:
    for _, task in sorted(graph["tasks"].items()):
        name = task["componentRef"]["name"]
        yield name
        if "dag" in components[name]:
            yield from _walk(components[name]["dag"], components)


def _numbered(names: list[str]) -> dict[str, str]:
    """A new name for each: without its numbers, and with one where that is taken."""
    taken: dict[str, int] = {}
    renamed: dict[str, str] = {}
    for name in dict.fromkeys(names):
        base = NUMBERS.sub("", name)
        taken[base] = taken.get(base, 0) + 1
        renamed[name] = base if taken[base] == 1 else f"{base}-{taken[base]}"
    return renamed
