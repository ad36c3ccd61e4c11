"""A meter of energy, and the sum of what it tells. A reading that fails never stops work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

MeterName = Literal["rapl", "nvml"]


class Meter(Protocol):
    """Measures one part of the machine.

    Attributes:
        name: What reads it.
        scope: What its figure covers, in words: it may be more than this process has used.
        method: How it is read, in words.
    """

    name: MeterName
    scope: str
    method: str

    def sample(self) -> float:
        """Joules since the sample before, or since the meter was opened.

        Raises:
            OSError: It cannot be read now; the next sample that can be covers this one's time too.
        """
        ...


@dataclass(frozen=True)
class NoMeter:
    """Stands for a meter that is not there, with the reason in words."""

    name: MeterName
    reason: str


@dataclass
class Tally:
    """The energy that a meter has counted since it was opened."""

    meter: Meter
    joules: float = 0.0
    intact: bool = True
    """Whether the last sample could be read: if not, `joules` lack the time since the one before."""

    def sample(self) -> float:
        """Add what has been used since the last sample, and return it in joules; 0 where it cannot be read."""
        try:
            added = self.meter.sample()
        except Exception:  # whatever a driver or a file of the kernel does, the work goes on
            self.intact = False
            return 0.0
        self.intact = True
        self.joules += added
        return added
