"""What the catalogue says about a task, and how it fills in the task of a study."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import Field

from gmlm.config.base import Frozen


class PublishedScores(Frozen):
    """F1 of models on the test split, as one source published them."""

    source: str
    """Who published them, and where."""
    f1: dict[str, float]
    """Model and F1, from 0 to 1."""
    note: str = ""
    """What is not known, or differs from how this project scores."""


class Folds(Frozen):
    """Files of a cross-validation: one is the test split, the next the development split, the others are trained on."""

    pattern: str
    """Their paths below the folder, with `{}` for the number."""
    count: int = Field(ge=3, le=9)
    """How many there are, numbered from 1."""

    def files(self, fold: int) -> dict[str, str]:
        """The splits of a fold, that of train as a glob.

        Raises:
            ValueError: There is no such fold.
        """
        if not 1 <= fold <= self.count:
            raise ValueError(f"'fold' must be from 1 to {self.count}")
        after = fold % self.count + 1
        others = "".join(str(number) for number in range(1, self.count + 1) if number not in (fold, after))
        parts = {"train": f"[{others}]", "dev": str(after), "test": str(fold)}
        return {name: self.pattern.format(part) for name, part in parts.items()}


class CatalogueEntry(Frozen):
    """A task that others have published results on."""

    title: str
    """Its name in the literature."""
    about: str
    """What is predicted on which texts."""
    task: dict[str, Any]
    """Keys of the study's task: kind, reader and what the reader needs."""
    files: dict[str, str] = Field(default_factory=dict)
    """Files of the distribution below `folder`, by the keys of a task: `path`, or `train`, `dev` and `test`."""
    folds: Folds | None = None
    """Or the files of its cross-validation."""
    split: str
    """Where the split comes from."""
    licence: str
    """Licence of the data."""
    access: str
    """How one gets the data."""
    citation: str
    """Publication of the data."""
    published: tuple[PublishedScores, ...] = ()
    """Scores to compare with."""

    def paths(self, folder: str, fold: int | None) -> dict[str, str]:
        """The keys of a task that name its files.

        Raises:
            ValueError: A fold is asked for where there are none, or one that is not there.
        """
        if fold is not None and self.folds is None:
            raise ValueError(f"{self.title} has no folds")
        found = self.folds.files(fold or 1) if self.folds is not None else self.files
        return {name: f"{folder.rstrip('/')}/{file}".removesuffix("/.") for name, file in found.items()}


@cache
def catalogue_names() -> tuple[str, ...]:
    """The names of all entries, sorted."""
    found = (file.name for file in files(__package__).iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


@cache
def entry_of(name: str) -> CatalogueEntry:
    """The entry of a name.

    Raises:
        ValueError: There is none; the nearest is named.
    """
    if name not in catalogue_names():
        near = get_close_matches(name, catalogue_names(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(catalogue_names())}"
        raise ValueError(f"the catalogue has no task {name!r}; {hint}")
    return CatalogueEntry.model_validate(yaml.safe_load((files(__package__) / f"{name}.yaml").read_text("utf-8")))


def filled(task: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a task with those of its entry where it has none of its own; filling twice changes nothing.

    Raises:
        ValueError: There is no such entry or fold.
    """
    entry = entry_of(str(task["catalogue"]))
    folder = task.get("folder")
    paths = entry.paths(str(folder), task.get("fold")) if folder is not None else {}
    own = {key: value for key, value in task.items() if value is not None or key not in paths}
    return {**entry.task, **paths, **own}
