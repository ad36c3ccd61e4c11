"""Reads a study file; every mistake becomes one ConfigError that names the field and the nearest valid key."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from gmlm.config.study import StudyConfig
from gmlm.config.yaml_text import load_yaml
from gmlm.errors import AccessDeniedError, ConfigError, InputNotFoundError


def load_study(path: Path) -> StudyConfig:
    """Read and check a study file.

    Raises:
        InputNotFoundError: The file does not exist.
        ConfigError: It is no YAML, or a key or value is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputNotFoundError("the study file does not exist", where=str(path), fix="check the path") from None
    except PermissionError:
        raise AccessDeniedError("the study file cannot be read", where=str(path), fix="check its owner") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise ConfigError("the study file is not UTF-8 text", where=str(path), fix="save it as UTF-8 YAML") from None
    return parse_study(text, where=str(path))


def parse_study(text: str, *, where: str = "study") -> StudyConfig:
    """Parse a study from YAML text; `where` names it in errors."""
    try:
        data = load_yaml(text)
    except ValueError as error:
        raise ConfigError(str(error), where=where, fix="check indentation, quotes and aliases") from None
    if not isinstance(data, Mapping):
        raise ConfigError("expected a mapping at the top", where=where, fix="start with 'name: ...'")
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
