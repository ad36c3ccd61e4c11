"""The base of every configuration model: frozen, closed to unknown keys, documented field by field."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
"""A name within a study: lower case, digits, `_`, `.` and `-`; it becomes part of storage keys and pod names."""


class Frozen(BaseModel):
    """A part of the study's configuration. Each field is documented by the string under it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, protected_namespaces=())
