"""Reads a study file; every mistake becomes one ConfigError that names the field and the nearest valid key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from gmlm.config.extension import KEY, mapping_of, resolve_extension
from gmlm.config.study import StudyConfig
from gmlm.errors import AccessDeniedError, ConfigError, InputNotFoundError


def load_study(path: Path) -> StudyConfig:
    """Read and check a study file.

    Raises:
        InputNotFoundError: The file, or one that it extends, does not exist.
        ConfigError: It is no YAML, or a key or value is wrong.
    """
    return parse_extending(_read(path), path.name, _beside(path), where=str(path))


def study_text(path: Path) -> str:
    """The YAML text of a study file, with the study that it extends filled in; it can be read without that one.

    Raises:
        InputNotFoundError: The file, or one that it extends, does not exist.
        ConfigError: It is not UTF-8, or extends nothing that it can.
    """
    text = _read(path)
    if KEY not in mapping_of(text, path.name):
        return text
    return yaml.safe_dump(resolve_extension(text, path.name, _beside(path)), sort_keys=False, allow_unicode=True)


def _beside(path: Path) -> Callable[[str], str]:
    """Reads files of the same folder."""
    return lambda name: _read(path.with_name(name))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputNotFoundError("the study file does not exist", where=str(path), fix="check the path") from None
    except PermissionError:
        raise AccessDeniedError("the study file cannot be read", where=str(path), fix="check its owner") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise ConfigError("the study file is not UTF-8 text", where=str(path), fix="save it as UTF-8 YAML") from None


def parse_study(text: str, *, where: str = "study") -> StudyConfig:
    """Parse a study from YAML text that extends no other; `where` names it in errors."""
    data = mapping_of(text, where)
    if KEY in data:
        fix = "give the address of the study file, or a study that extends none"
        raise ConfigError("a study given as text has no folder with others", where=f"{where}: {KEY}", fix=fix)
    return _checked(data, where)


def parse_extending(text: str, name: str, read: Callable[[str], str], *, where: str) -> StudyConfig:
    """Parse a study that may extend one beside it.

    Args:
        text: The study.
        name: Its file name.
        read: Gives the text of a file of the same folder by its name.
        where: Names it in errors.
    """
    return _checked(resolve_extension(text, name, read), where)


def _checked(data: dict[str, Any], where: str) -> StudyConfig:
    try:
        return StudyConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_explain(error), where=where, fix="correct the fields named above") from None


def _explain(error: ValidationError) -> str:
    return "; ".join(_explain_one(dict(item)) for item in error.errors(include_url=False, include_input=False))


def _explain_one(item: Mapping[str, Any]) -> str:
    location = ".".join(str(part) for part in item["loc"])
    if item["type"] != "extra_forbidden":
        message = str(item["msg"]).removeprefix("Value error, ")
        return f"{location}: {message}" if location else message
    *parents, key = item["loc"]
    valid = list(_fields_at(parents))
    near = get_close_matches(str(key), valid, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(sorted(valid))}"
    return f"{location}: unknown key; {hint}"


def _fields_at(parents: list[Any]) -> Mapping[str, Any]:
    model: type[BaseModel] | None = StudyConfig
    inside_collection = False
    for part in parents:
        if inside_collection or model is None:
            inside_collection = False
            continue
        field = model.model_fields.get(str(part))
        model, inside_collection = _model_in(field.annotation) if field else (None, False)
    return model.model_fields if model else {}


def _model_in(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The configuration model within an annotation, and whether a key or index stands before its fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    collection = get_origin(annotation) not in (None, Union, UnionType)
    for argument in get_args(annotation):
        model, nested = _model_in(argument)
        if model is not None:
            return model, collection or nested
    return None, False
