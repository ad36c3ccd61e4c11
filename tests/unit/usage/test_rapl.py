"""RAPL's counters: which are counted, that they wrap, and that what cannot be read is no reading and no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from gmlm.usage.meter import NoMeter, Tally
from gmlm.usage.rapl import RaplMeter, open_rapl

LARGEST = 262_143_328_850
"""max_energy_range_uj of a server's package: 262 kJ, which 200 W fill in 22 minutes."""


def domain(folder: Path, path: str, name: str, microjoules: int) -> Path:
    place = folder / path
    place.mkdir()
    (place / "name").write_text(f"{name}\n")
    (place / "max_energy_range_uj").write_text(f"{LARGEST}\n")
    (place / "energy_uj").write_text(f"{microjoules}\n")
    return place / "energy_uj"


@pytest.fixture
def powercap(tmp_path: Path) -> dict[str, Path]:
    """A machine of two packages, as the kernel shows it, with the counters that it has beside them."""
    (tmp_path / "intel-rapl").mkdir()
    return {
        "package-0": domain(tmp_path, "intel-rapl:0", "package-0", 1_000_000),
        "package-1": domain(tmp_path, "intel-rapl:1", "package-1", LARGEST - 500_000),
        "psys": domain(tmp_path, "intel-rapl:2", "psys", 7_000_000),
        "core": domain(tmp_path, "intel-rapl:0:0", "core", 3_000_000),
        "dram": domain(tmp_path, "intel-rapl:0:1", "dram", 4_000_000),
        "mmio": domain(tmp_path, "intel-rapl-mmio:0", "package-0", 1_000_000),
    }


def opened(folder: Path) -> RaplMeter:
    meter = open_rapl(folder)
    assert isinstance(meter, RaplMeter)
    return meter


def test_packages_and_memory_are_counted_once_and_what_lies_within_them_is_not(powercap, tmp_path):
    meter = opened(tmp_path)
    for name, file in powercap.items():
        file.write_text(str(LARGEST - 1 if name == "package-1" else 10_000_000))
    # 9 J of package 0, 0.499999 J of package 1, 6 J of memory; psys, the cores and the second way count nothing.
    assert meter.sample() == pytest.approx(9 + 0.499_999 + 6)
    assert meter.sample() == 0


def test_a_counter_that_has_wrapped_goes_on(powercap, tmp_path):
    meter = opened(tmp_path)
    powercap["package-1"].write_text("250000")
    assert meter.sample() == pytest.approx(0.75)  # half a joule up to the end, a quarter after it


def test_a_machine_without_counters_has_no_meter(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        assert open_rapl(folder) == NoMeter("rapl", "no RAPL counters on this machine")


def test_counters_that_only_root_may_read_are_no_meter(powercap, tmp_path, monkeypatch):
    read = Path.read_text

    def forbidden(path: Path, **how: str) -> str:
        if path == powercap["dram"]:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, **how)

    monkeypatch.setattr(Path, "read_text", forbidden)
    assert open_rapl(tmp_path) == NoMeter("rapl", "no readable RAPL counters (only root may read them)")


def test_a_reading_that_fails_is_made_up_by_the_next(powercap, tmp_path):
    tally = Tally(opened(tmp_path))
    file = powercap["package-0"]
    file.write_text("")
    assert (tally.sample(), tally.intact) == (0, False)
    file.write_text("6000000")
    assert tally.sample() == pytest.approx(5)
    assert tally.intact
