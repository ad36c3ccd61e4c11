"""Studies that extend another one: `extends: study.yaml`, and below it only what differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gmlm.config.yaml_text import load_yaml
from gmlm.errors import ConfigError

KEY = "extends"
"""Key at the top of a study file that names the file beside it which it extends."""


def resolve_extension(text: str, name: str, read: Callable[[str], str]) -> dict[str, Any]:
    """The top of a study file with the one that it extends filled in.

    Mappings are merged key by key; any other value, a list too, replaces the one of the extended study.

    Args:
        text: The study.
        name: Its file name, for errors.
        read: Gives the text of a file of the same folder by its name.

    Raises:
        ConfigError: `extends` names no file of the same folder, a file is no YAML mapping, or the files extend each
            other in a circle.
    """
    return _extended(mapping_of(text, name), (name,), read)


def mapping_of(text: str, where: str) -> dict[str, Any]:
    """The top of a study file.

    Raises:
        ConfigError: It is no YAML, or no mapping.
    """
    try:
        data = load_yaml(text)
    except ValueError as error:
        raise ConfigError(str(error), where=where, fix="check indentation, quotes and aliases") from None
    if not isinstance(data, Mapping):
        raise ConfigError("expected a mapping at the top", where=where, fix="start with 'name: ...'")
    return dict(data)


def _extended(study: dict[str, Any], names: tuple[str, ...], read: Callable[[str], str]) -> dict[str, Any]:
    if KEY not in study:
        return study
    parent, where = study.pop(KEY), f"{names[-1]}: {KEY}"
    if not isinstance(parent, str) or not parent or "/" in parent or "\\" in parent:
        fix = "put both into one folder, as their relative paths start there"
        raise ConfigError("expected the name of a study file in the same folder", where=where, fix=fix)
    if parent in names:
        raise ConfigError("the studies extend each other in a circle", where=where, fix="let one of them extend none")
    return _merged(_extended(mapping_of(read(parent), parent), (*names, parent), read), study)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
        for key, value in changes.items()
    }
    return {**base, **both}
