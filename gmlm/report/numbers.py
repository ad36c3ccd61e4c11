"""How figures are written, the same in every format of the report."""

from __future__ import annotations

MISSING = "missing"
NOTHING = "–"


def score(value: float | None) -> str:
    """A score between 0 and 1 as points of 100 with one decimal: 0.713 is `71.3`."""
    return MISSING if value is None else f"{100 * value:.1f}"


def optional_score(value: float | None) -> str:
    """A score that not every task has; a dash for none."""
    return NOTHING if value is None else score(value)


def interval(low: float | None, high: float | None) -> str:
    """An interval of scores: `[70.1, 72.5]`."""
    return "" if low is None or high is None else f"[{score(low)}, {score(high)}]"


def signed(value: float) -> str:
    """A difference in points with its sign: `+2.1`, `−0.4`, `0.0`."""
    text = f"{100 * value:+.1f}".replace("-", "−")
    return "0.0" if text.strip("+−") == "0.0" else text


def signed_interval(low: float, high: float) -> str:
    """An interval of differences: `[+0.8, +3.4]`."""
    return f"[{signed(low)}, {signed(high)}]"


def p_value(value: float) -> str:
    """A p value to three decimals, `<0.001` below."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def count(value: float | None) -> str:
    """A number of things, thousands separated by a comma; a dash for none known."""
    return NOTHING if value is None else f"{value:,.0f}"


def decimal(value: float | None, places: int = 3) -> str:
    """A plain figure; a dash for none known."""
    return NOTHING if value is None else f"{value:,.{places}f}"


def amount(value: float | None) -> str:
    """Hours, kilowatt-hours, money: three significant digits below 100, whole above; a dash for none known."""
    if value is None:
        return NOTHING
    if 0 < value < 0.001:
        return "<0.001"
    return f"{value:.3g}" if value < 99.95 else f"{value:,.0f}"


def percent(value: float | None) -> str:
    """A share between 0 and 1: `1.3 %`."""
    return NOTHING if value is None else f"{100 * value:.1f} %"


def size(value: float) -> str:
    """Bytes in the largest unit that fits: `1.2 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
