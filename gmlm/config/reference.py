"""Writes the reference of the study file from the configuration models: `python -m gmlm.config.reference`."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gmlm.config.study import StudyConfig

INTRODUCTION = """# The study file

A study is one YAML file. `gmlm validate STUDY.yaml` checks it: an unknown key is refused with the nearest valid one.
Parts refer to each other by the names that you give them. Relative paths start at the folder of the study file;
`~` and `${VARIABLE}` in a path are filled in from the environment.

`extends: other.yaml` at the top takes over the study in a file of the same folder, and the rest of the file says what
differs: mappings are merged key by key; any other value, a list too, replaces the one taken over. What both studies
have in common is made once, if they share the store.

A *name* consists of lower-case letters, digits, `_`, `.` and `-`, at most 63 of them.

This page is written by `python -m gmlm.config.reference` from the code.
"""
_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_SIGNS = {Gt: ("gt", ">"), Ge: ("ge", "≥"), Lt: ("lt", "<"), Le: ("le", "≤")}


def study_reference() -> str:
    """The reference page in Markdown: a section for each part of a study, a row for each of its keys."""
    sections = "\n".join(_section(model) for model in models_of(StudyConfig))
    return f"{INTRODUCTION}\n{sections}"


def models_of(root: type[BaseModel]) -> list[type[BaseModel]]:
    """All models that a study consists of, each once, in the order in which the reader meets them."""
    found: list[type[BaseModel]] = []
    waiting = [root]
    while waiting:
        model = waiting.pop(0)
        if model not in found:
            found.append(model)
            waiting += [inner for field in model.model_fields.values() for inner in _models_in(field.annotation)]
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _section(model: type[BaseModel]) -> str:
    rows = "\n".join(_row(name, field) for name, field in model.model_fields.items())
    return (
        f"## {_title(model)}\n\n{cleandoc(model.__doc__ or '')}\n\n"
        f"| key | value | default | meaning |\n|---|---|---|---|\n{rows}\n"
    )


def _title(model: type[BaseModel]) -> str:
    return model.__name__.removesuffix("Config")


def _row(name: str, field: FieldInfo) -> str:
    meaning = " ".join((field.description or "").split())
    limits = _limits(field)
    named = any(isinstance(part, StringConstraints) for part in field.metadata)
    value = ("name" if named else _type(field.annotation)) + (f", {limits}" if limits else "")
    cells = (f"`{name}`", value, _default(field), meaning)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _limits(field: FieldInfo) -> str:
    parts = []
    for limit in field.metadata:
        if type(limit) in _SIGNS:
            attribute, sign = _SIGNS[type(limit)]
            parts.append(f"{sign} {getattr(limit, attribute):g}")
        elif isinstance(limit, MinLen) and not any(isinstance(other, MaxLen) for other in field.metadata):
            parts.append(f"at least {limit.min_length}")
        elif isinstance(limit, MaxLen):
            parts.append(f"{limit.max_length} character")
    return ", ".join(parts)


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "none"
    if field.default is PydanticUndefined:
        return "**required**"
    if isinstance(field.default, BaseModel):
        changed = field.default.model_dump(mode="json", exclude_defaults=True)
        return f"`{json.dumps(changed)}`" if changed else "its own defaults"
    if field.default is None or field.default == ():
        return "none"
    return f"`{json.dumps(field.default, ensure_ascii=False)}`"


def _type(annotation: Any) -> str:
    """A type in the words of a YAML file."""
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{_title(annotation)}](#{_title(annotation).lower()})"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return "name" if any(isinstance(part, StringConstraints) for part in arguments) else _type(arguments[0])
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(part) for part in arguments if part is not type(None))
    if origin is tuple and Ellipsis not in arguments:
        return f"list of {len(arguments)}: {', '.join(_type(part) for part in arguments)}"
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"mapping of {_type(arguments[0])} to {_type(arguments[1])}"
    raise TypeError(f"no words for {annotation}")


if __name__ == "__main__":
    sys.stdout.write(study_reference())
