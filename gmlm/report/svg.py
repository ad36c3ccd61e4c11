"""Turns matplotlib figures into SVG for a page: same bytes every time, coloured by the page's style sheet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

COLOURS = {
    "ink": "#0a0a01",
    "muted": "#0a0a02",
    "grid": "#0a0a03",
    "first": "#0a0a04",
    "second": "#0a0a05",
    "third": "#0a0a06",
}
"""Placeholders in a figure for the custom properties of the style sheet, so that plots follow light and dark mode."""

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gmlm",
    "text.parse_math": False,
    "font.size": 10,
    "axes.edgecolor": COLOURS["muted"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.6,
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "xtick.labelcolor": COLOURS["ink"],
    "ytick.labelcolor": COLOURS["ink"],
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
}


@contextmanager
def figure(width: float, height: float) -> Iterator[tuple[Figure, Any]]:
    """A figure with one pair of axes, in points of 1/72 inch, in the report's style."""
    with mpl.rc_context(_STYLE):
        made = Figure(figsize=(width / 72, height / 72), layout="constrained")
        made.patch.set_visible(False)
        axes = made.add_subplot()
        axes.patch.set_visible(False)
        yield made, axes


def to_svg(made: Figure, name: str) -> str:
    """The figure as an `<svg>` element; `name` keeps its ids apart from those of other figures on the page."""
    buffer = StringIO()
    made.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
    text = re.sub(r"font: ([^;\"]*?)([\d.]+px) [^;\"]*", r"font: \1\2 var(--sans)", text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = text.replace("url(#", f"url(#{name}-")
    for colour, placeholder in COLOURS.items():
        text = text.replace(placeholder, f"var(--{colour})")
    return text.strip()
