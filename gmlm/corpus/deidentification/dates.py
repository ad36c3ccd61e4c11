"""Dates in German clinical text, and the same dates some days later, in the same form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from gmlm.corpus.deidentification.identifiers import Identifier

MONTHS = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
    "Dezember",
)  # fmt: skip
_MONTH = (
    r"Jan(?:uar|\.)|Jänner|Feb(?:ruar|\.)|März|Mrz\.|Apr(?:il|\.)|Mai|Juni|Juli|Aug(?:ust|\.)|Sept?(?:ember|\.)"
    + (r"|Okt(?:ober|\.)|Nov(?:ember|\.)|Dez(?:ember|\.)")
)
_DAY, _NUMBER, _YEAR = r"(?P<d>0?[1-9]|[12]\d|3[01])", r"(?P<m>0?[1-9]|1[0-2])", r"(?P<y>(?:19|20)\d\d|\d\d)"
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"(?<![\d.,]){_DAY}\.\s?{_NUMBER}(?:\.\s?|\s(?=20)){_YEAR}(?![\d%]|\.\d)",
        rf"(?<![\d.,]){_DAY}\.\s?{_NUMBER}\.(?!\s?\d)(?=[\s,;:)–-]|bis|$)",
        r"(?<!\d)(?P<y>(?:19|20)\d\d)-(?P<m>0[1-9]|1[0-2])-(?P<d>[0-2]\d|3[01])(?!\d)",
        rf"(?<![\d.,/]){_DAY}/{_NUMBER}/{_YEAR}(?!\d)",
        rf"(?<!\d){_DAY}\.\s?(?P<name>{_MONTH}|(?:Jan|Feb|Okt|Nov|Dez)\b)(?:\s(?P<y>(?:19|20)\d\d|\d\d(?!\d)))?",
        rf"\b(?P<name>{_MONTH}|Jan|Feb|Okt|Nov|Dez)\s(?P<y>(?:19|20)\d\d|\d\d)(?![\d.])",
        rf"(?<![\d./]){_NUMBER}[/.](?P<y>(?:19|20)\d\d)(?!\d)",
        rf"(?<=[\s(–-]){_NUMBER}/(?P<y>\d\d)(?=[\s,;:)–-])(?!\s?m?[gl]\b)",
        r"(?<![\d./,-])(?P<y>19[2-9]\d|20[0-9]\d)(?![\d/%]|[.,]\d|-\d|\s?(?:mg|ml|g|µg|kcal|Hz|ccm|U/|IE|kJ|Uhr|Tbl)\b)",
    )
)


def find_dates(text: str) -> Iterator[Identifier]:
    """Days, months and years, in figures and words."""
    for form in _FORMS:
        for match in form.finditer(text):
            yield Identifier(match.start(), match.end(), "date")


def shifted(text: str, days: int) -> str:
    """A found date so many days later in the same form; years alone move by whole years.

    A part that the date lacks is taken for the first of its month, the middle of its year or 2000; what cannot be read,
    such as 31.2., moves from the month's last day.
    """
    match = next((match for form in _FORMS if (match := form.search(f" {text} "))), None)
    if match is None:
        return re.sub(r"\d", "0", text)
    parts = {name: value for name, value in match.groupdict().items() if value}
    moved = _day_of(parts) + timedelta(days=days)
    out, last = [], 0
    padded = any(parts.get(name, "")[:1] == "0" for name in "dm")
    for name in sorted(parts, key=match.start):
        out += [match.string[last : match.start(name)], _written(name, parts[name], moved, padded=padded)]
        last = match.end(name)
    return "".join([*out, match.string[last:]])[1:-1]


def _day_of(parts: dict[str, str]) -> date:
    year = parts.get("y", "2000")
    full = int(year) if len(year) == 4 else 2000 + int(year) if int(year) < 50 else 1900 + int(year)
    month = int(parts.get("m", 0)) or _month_number(parts.get("name", "")) or 7
    for day in range(int(parts.get("d", 1)), 27, -1):
        try:
            return date(full, month, day)
        except ValueError:
            continue
    return date(full, month, min(int(parts.get("d", 1)), 28))


def _month_number(name: str) -> int:
    start = name[:3].replace("Mrz", "Mär").replace("Jän", "Jan")
    return next((number for number, month in enumerate(MONTHS, start=1) if month.startswith(start)), 0) if name else 0


def _written(name: str, old: str, moved: date, *, padded: bool) -> str:
    if name == "name":
        full = MONTHS[moved.month - 1]
        return full if not old.endswith(".") or len(full) < 5 else f"{full[:3]}."
    value = {"d": moved.day, "m": moved.month, "y": moved.year % 100 if len(old) == 2 else moved.year}[name]
    return f"{value:02d}" if padded or (name == "y" and len(old) == 2) else str(value)
