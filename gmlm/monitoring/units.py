"""Values in the units of the dashboards, as people read them."""

from __future__ import annotations

import math

from gmlm.monitoring.panels import Unit

_STEPS = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"))


def in_unit(value: float, unit: Unit) -> str:
    """The value with its unit: `1.5 k`, `37 %`, `2 h 5 min`, `3.2 GiB`; a dash where it is no number."""
    if not math.isfinite(value):
        return "-"
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s":
        return duration(value)
    if unit == "bytes":
        return _bytes(value)
    suffix = {"celsius": " °C", "watt": " W", "currencyEUR": " €"}.get(unit, "")
    if unit == "none":
        return f"{value:.6g}"
    return (f"{value:.2f}" if unit == "currencyEUR" else _short(value)) + suffix


def duration(seconds: float) -> str:
    """Seconds as people say them: `12 ms`, `3.4 s`, `5 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if abs(seconds) < 1:
        return f"{1000 * seconds:.3g} ms" if seconds else "0 s"
    if abs(seconds) < 60:
        return f"{seconds:.3g} s"
    for size, name, smaller, lesser in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if abs(seconds) >= size:
            whole, rest = divmod(seconds, size)
            return f"{whole:.0f} {name} {rest // smaller:.0f} {lesser}"
    raise AssertionError("every value from a minute on has a unit")


def _bytes(value: float) -> str:
    for power, name in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if abs(value) >= 2**power:
            return f"{value / 2**power:.3g} {name}"
    return f"{value:.3g} B"


def _short(value: float) -> str:
    for size, name in _STEPS:
        if abs(value) >= size:
            return f"{value / size:.3g}{name}"
    return f"{value:.4g}"
