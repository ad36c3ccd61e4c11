"""GPUs by NVML, which is played by an object with the driver's functions."""

from __future__ import annotations

from typing import Any

import pytest

from gmlm.usage.meter import NoMeter
from gmlm.usage.nvml import CountedGpus, SampledGpus, find_devices, open_nvml

NOT_SUPPORTED = 3
"""NVML_ERROR_NOT_SUPPORTED."""


class Driver:
    """NVML of a machine; a handle is the number of its GPU, counted from 1 so that none is null."""

    def __init__(self, millijoules: list[int] | None, milliwatts: list[int] | None) -> None:
        self.millijoules, self.milliwatts = millijoules, milliwatts
        self.gpus = len(millijoules or milliwatts or [])

    def nvmlInit_v2(self) -> int:
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = self.gpus
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, handle: Any) -> int:
        handle._obj.value = index.value + 1
        return 0 if index.value < self.gpus else 2

    def nvmlDeviceGetHandleByUUID(self, uuid: Any, handle: Any) -> int:
        handle._obj.value = int(uuid.value.removeprefix(b"GPU-")) + 1
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, value: Any) -> int:
        return self._tell(self.millijoules, handle, value)

    def nvmlDeviceGetPowerUsage(self, handle: Any, value: Any) -> int:
        return self._tell(self.milliwatts, handle, value)

    def _tell(self, figures: list[int] | None, handle: Any, value: Any) -> int:
        if figures is None:
            return NOT_SUPPORTED
        value._obj.value = figures[handle.value - 1]
        return 0


@pytest.fixture(autouse=True)
def all_visible(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_energy_is_what_the_counters_of_the_used_gpus_have_gained():
    driver = Driver([5_000, 70_000, 900_000], None)
    meter = open_nvml(find_devices(0, 2, driver))
    assert isinstance(meter, CountedGpus)
    driver.millijoules = [6_500, 72_000, 999_000]
    assert meter.sample() == pytest.approx(1.5 + 2)


def test_without_counters_power_is_integrated_over_time():
    driver = Driver(None, [100_000])
    times = iter([0.0, 10.0, 14.0])
    meter = SampledGpus(find_devices(0, 1, driver), clock=lambda: next(times))
    driver.milliwatts = [300_000]
    assert meter.sample() == 10 * 200
    assert meter.sample() == 4 * 300
    assert isinstance(open_nvml(find_devices(0, 1, driver)), SampledGpus)


def test_gpus_that_tell_nothing_are_not_measured():
    devices = find_devices(0, 1, Driver([1], None))
    devices[0]._library.millijoules = None
    assert open_nvml(devices) == NoMeter("nvml", "the GPUs tell neither energy nor power")


@pytest.mark.parametrize(
    ("visible", "first", "gained"), [("2,0", 0, 99.0), ("2,0", 1, 1.5), ("GPU-1", 0, 2.0), (" 1 , 2", 1, 99.0)]
)
def test_a_rank_reads_its_own_gpu_of_those_that_it_may_use(monkeypatch, visible, first, gained):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    driver = Driver([5_000, 70_000, 900_000], None)
    meter = open_nvml(find_devices(first, 1, driver))
    driver.millijoules = [6_500, 72_000, 999_000]
    assert meter.sample() == pytest.approx(gained)


@pytest.mark.parametrize("visible", ["", "-1"])
def test_hidden_gpus_are_none(monkeypatch, visible):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert find_devices(0, 1, Driver([1], None)) == []


def test_a_machine_without_a_driver_has_no_gpus(monkeypatch):
    monkeypatch.setattr("gmlm.usage.nvml.LIBRARY", "libnvidia-ml-not-there.so")
    assert find_devices(0, 1) == []
