"""Reads the pages of a report: what stands in their tables."""

from __future__ import annotations

import re
from typing import Any

from lxml import html


def page_of(study: Any) -> Any:
    """The HTML page of the study's report."""
    return html.fromstring(study.read(study.report(), "report.html"))


def text_of(element: Any) -> str:
    """The text within an element, white space as one blank."""
    return re.sub(r"\s+", " ", "".join(element.itertext())).strip()


def headline_rows(page: Any) -> dict[tuple[str, str], list[str]]:
    """Cells of the headline table by task and model."""
    return {
        (body.get("data-task"), row.get("data-model")): [text_of(cell) for cell in row]
        for body in page.xpath("//table[@id='headline']/tbody[@data-task]")
        for row in body.xpath("tr[@data-model]")
    }


def markdown_rows(text: str, first: str) -> list[list[str]]:
    """Rows of the Markdown table whose header starts with the given cells."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(f"| {first} |"):
            next(lines)
            return [[cell.strip() for cell in row.strip("|").split("|")] for row in iter(lines.__next__, "")]
    raise AssertionError(first)
