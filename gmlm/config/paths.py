"""Resolves the paths of a study: variables are filled in at use, so that no local path enters an output."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gmlm.errors import ConfigError

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def expand_variables(text: str) -> str:
    """Fill in `${NAME}` from the environment.

    Raises:
        ConfigError: The variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise ConfigError(f"the environment variable {name} is not set", where=text, fix=f"export {name}=...")
        return os.environ[name]

    return _VARIABLE.sub(value, text)


def resolve_path(text: str, study_folder: Path) -> Path:
    """The local path that a study means: `${NAME}` and `~` filled in, relative ones below the study's folder."""
    return study_folder / Path(expand_variables(text)).expanduser()


def resolve_model(text: str, study_folder: Path) -> Path | None:
    """The local folder that a model name means, or None where it is a name on the Hub."""
    path = resolve_path(text, study_folder)
    return path if path.is_dir() else None
