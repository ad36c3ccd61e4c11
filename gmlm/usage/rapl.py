"""RAPL: energy of processor packages and memory, by Linux's powercap (docs.kernel.org/power/powercap/powercap.html).

The counters are those of the whole machine, other users' work included. Since CVE-2020-8694 most systems let only root
read them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gmlm.usage.meter import MeterName, NoMeter

POWERCAP = Path("/sys/class/powercap")
_PACKAGE = re.compile(r"intel-rapl:\d+")
_PART = re.compile(r"intel-rapl:\d+:\d+")
_MICRO = 1e-6


@dataclass
class _Domain:
    """One counter in microjoules, which starts again at zero behind its largest value."""

    file: Path
    largest: int
    last: int

    def advance(self) -> int:
        """Microjoules since the last reading; the counter may have wrapped once."""
        now = _number(self.file)
        used, self.last = now - self.last, now
        return used if used >= 0 else used + self.largest


class RaplMeter:
    """Packages and memory of this machine; must be sampled more often than a counter wraps (minutes under load)."""

    name: MeterName = "rapl"
    scope = "whole machine: CPU packages and memory"
    method = "energy counters"

    def __init__(self, domains: list[_Domain]) -> None:
        self._domains = domains

    def sample(self) -> float:
        """Joules since the sample before.

        Raises:
            OSError: A counter cannot be read.
        """
        return _MICRO * sum(domain.advance() for domain in self._domains)


def open_rapl(folder: Path = POWERCAP) -> RaplMeter | NoMeter:
    """The meter of this machine, or why there is none.

    A package covers its cores and its graphics. Memory (`dram`) is beside it and counted too. Left out are the domain
    `psys`, which holds the packages again, and `intel-rapl-mmio`, which is another way to the same counters.
    """
    try:
        found = [path for path in sorted(folder.iterdir()) if _counts(path)]
        domains = [_open(path) for path in found]
    except FileNotFoundError:
        return NoMeter("rapl", "no RAPL counters on this machine")
    except (OSError, ValueError):
        return NoMeter("rapl", "no readable RAPL counters (only root may read them)")
    return RaplMeter(domains) if domains else NoMeter("rapl", "no RAPL counters on this machine")


def _counts(path: Path) -> bool:
    if _PACKAGE.fullmatch(path.name):
        return _text(path / "name").startswith("package")
    return bool(_PART.fullmatch(path.name)) and _text(path / "name") == "dram"


def _open(path: Path) -> _Domain:
    file = path / "energy_uj"
    return _Domain(file, largest=_number(path / "max_energy_range_uj"), last=_number(file))


def _text(file: Path) -> str:
    return file.read_text(encoding="ascii").strip()


def _number(file: Path) -> int:
    return int(_text(file))
