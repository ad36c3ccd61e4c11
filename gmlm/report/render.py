"""Renders the content by the templates beside this module; every value is escaped for its format."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from gmlm.report import numbers
from gmlm.report.content import Content
from gmlm.report.headline import Headline
from gmlm.report.histogram import SHARDS_READ
from gmlm.report.plots import Plots

_MARKDOWN_SYNTAX = re.compile(r"([\\`*_\[\]|~$])")
_INTERVAL = re.compile(r"\[[+−]?[\d.]+, [+−]?[\d.]+\]")
_LATEX = frozenset({"^{*}", "$<$0.001"})
"""What the template of the LaTeX table writes itself."""
_LATEX_SYNTAX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}
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
    """One page without anything from elsewhere: style, plots and the one script, which sorts tables, are inline.

    The page's policy lets no other script run: it names the hash of this one.
    """
    script = files("gmlm.report").joinpath("templates", "sorting.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        page_environment()
        .get_template("report.html.j2")
        .render(
            content=content,
            plots=plots,
            shards_read=SHARDS_READ,
            script=Markup(script),
            script_hash=Markup(f"sha256-{digest}"),
        )
    )


def render_latex(headline: Headline, study: str) -> str:
    """The headline as a LaTeX table in the manner of booktabs."""
    template = page_environment(finalize=escape_latex).get_template("table.tex.j2")
    return template.render(headline=headline, label=re.sub(r"[^a-z0-9-]+", "-", study.lower()))


def render_markdown(content: Content) -> str:
    """A page in GitHub's Markdown."""
    return page_environment(finalize=escape_markdown).get_template("report.md.j2").render(content=content)


def escape_markdown(value: Any) -> Markup:
    """A value as text within a Markdown table or paragraph: never as markup, never as a new line."""
    if isinstance(value, Markup):
        return value
    if _INTERVAL.fullmatch(str(value)):
        return Markup(value)
    line = re.sub(r"\s+", " ", str(value))
    return Markup(_MARKDOWN_SYNTAX.sub(r"\\\1", str(escape(line)).replace("&#39;", "'").replace("&#34;", '"')))


def escape_latex(value: Any) -> Markup:
    """A value as text within LaTeX; what the template itself builds of figures stays as it is."""
    text = str(value)
    if isinstance(value, Markup) or text in _LATEX:
        return Markup(text)
    return Markup("".join(_LATEX_SYNTAX.get(char, char) for char in re.sub(r"\s+", " ", text)))


def page_environment(finalize: Callable[[Any], Markup] | None = None) -> Environment:
    """What renders the templates of this package; `finalize` escapes each value for its format, by default for HTML."""
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
