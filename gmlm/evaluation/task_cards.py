"""Data cards of the catalogue's tasks (Gebru et al. 2021, in short): `python -m gmlm.evaluation.task_cards`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from gmlm.config import TaskConfig
from gmlm.config.catalogue import CatalogueEntry, catalogue_names, entry_of
from gmlm.errors import ConfigError
from gmlm.evaluation.scores import metric_of

INTRODUCTION = """# The catalogue of tasks

A study takes a task from here by its name and the folder of its unpacked distribution; every key of a
[task](study.md#task) that it gives itself goes before the catalogue's. `gmlm tasks` lists them.

```yaml
tasks:
  entities: {catalogue: bronco150, folder: /data/bronco150, fold: 2}
```

The project holds none of these data. Published scores can be compared where task, split and metric are the same.

This page is written by `python -m gmlm.evaluation.task_cards` from `gmlm/config/catalogue`.
"""


def page() -> str:
    """The reference page in Markdown: the data cards of all tasks."""
    return "\n".join([INTRODUCTION, *(card(name) for name in catalogue_names())])


def listing() -> str:
    """A line for each task: its name, what is predicted, and how one gets the data."""
    rows = [(name, entry_of(name)) for name in catalogue_names()]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {entry.task['kind']:20}  {entry.access}" for name, entry in rows)


def card(name: str) -> str:
    """The data card of a task in Markdown.

    Raises:
        ConfigError: The catalogue has no such task.
    """
    try:
        entry = entry_of(name)
    except ValueError as error:
        raise ConfigError(str(error), where=name, fix="gmlm tasks lists them") from None
    facts = "\n".join(f"| {key} | {value} |" for key, value in _facts(entry))
    lines = [f"## {name}", f"**{entry.title}.** {entry.about}", f"| | |\n|---|---|\n{facts}"]
    scores = "\n".join(
        f"| {model} | {f1:.4g} | {found.source} | {found.note} |"
        for found in entry.published
        for model, f1 in found.f1.items()
    )
    if scores:
        lines.append(f"| model | F1, test | source | note |\n|---|---:|---|---|\n{scores}")
    return "\n\n".join(lines) + "\n"


def _facts(entry: CatalogueEntry) -> Iterator[tuple[str, str]]:
    config = TaskConfig.model_validate(entry.task | {"path": "."})
    metric = metric_of(config)
    keys = ", ".join(f"`{key}: {value}`" for key, value in entry.task.items())
    yield "kind and format", keys
    yield (
        "files below `folder`",
        ", ".join(f"`{key}: {file.lstrip(chr(47)) or chr(46)}`" for key, file in entry.paths("", None).items()),
    )
    yield "split", entry.split
    yield "metric", f"{metric.name}: {metric.convention}"
    yield "licence", entry.licence
    yield "access", entry.access
    yield "publication", entry.citation


if __name__ == "__main__":
    sys.stdout.write(page())
