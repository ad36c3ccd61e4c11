"""Renders the content by the templates beside this module; every value is escaped for its format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from gmlm.report import numbers
from gmlm.report.content import Content
from gmlm.report.histogram import SHARDS_READ
from gmlm.report.plots import Plots

_MARKDOWN_SYNTAX = re.compile(r"([\\`*_\[\]|~$])")
_INTERVAL = re.compile(r"\[[+−]?[\d.]+, [+−]?[\d.]+\]")
_FILTERS = (
    "score",
    "optional_score",
    "interval",
    "signed",
    "signed_interval",
    "p_value",
    "count",
    "decimal",
    "percent",
    "size",
)


def render_json(content: Content) -> str:
    """All figures, machine-readable."""
    return json.dumps(content.to_json(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def render_html(content: Content, plots: Plots) -> str:
    """One page without anything from elsewhere: style and plots are inline and there is no script."""
    return _environment().get_template("report.html.j2").render(content=content, plots=plots, shards_read=SHARDS_READ)


def render_markdown(content: Content) -> str:
    """A page in GitHub's Markdown."""
    return _environment(finalize=escape_markdown).get_template("report.md.j2").render(content=content)


def escape_markdown(value: Any) -> Markup:
    """A value as text within a Markdown table or paragraph: never as markup, never as a new line."""
    if isinstance(value, Markup):
        return value
    if _INTERVAL.fullmatch(str(value)):
        return Markup(value)
    line = re.sub(r"\s+", " ", str(value))
    return Markup(_MARKDOWN_SYNTAX.sub(r"\\\1", str(escape(line)).replace("&#39;", "'").replace("&#34;", '"')))


def _environment(finalize: Callable[[Any], Markup] | None = None) -> Environment:
    environment = Environment(
        loader=PackageLoader("gmlm.report"),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update({name: getattr(numbers, name) for name in _FILTERS})
    return environment
