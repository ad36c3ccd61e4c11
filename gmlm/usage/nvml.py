"""NVML: energy of NVIDIA GPUs, by the library that comes with their driver (docs.nvidia.com/deploy/nvml-api).

It is called by ctypes, so that no package is needed. A GPU's figure is that of the whole device, whoever uses it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from ctypes import CDLL, byref, c_char_p, c_uint, c_ulonglong, c_void_p
from typing import Any

from gmlm.usage.meter import MeterName, NoMeter

LIBRARY = "libnvidia-ml.so.1"
VISIBLE = "CUDA_VISIBLE_DEVICES"


class Device:
    """One GPU."""

    def __init__(self, library: Any, handle: c_void_p) -> None:
        self._library, self._handle = library, handle

    def joules(self) -> float:
        """Energy since the driver was loaded.

        Raises:
            OSError: The device has no such counter (older than Volta, or a part of a GPU), or cannot be read.
        """
        millijoules = c_ulonglong()
        _check(self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle, byref(millijoules)))
        return millijoules.value / 1000

    def watts(self) -> float:
        """Power drawn now.

        Raises:
            OSError: The device does not tell, or cannot be read.
        """
        milliwatts = c_uint()
        _check(self._library.nvmlDeviceGetPowerUsage(self._handle, byref(milliwatts)))
        return milliwatts.value / 1000


class CountedGpus:
    """GPUs with energy counters."""

    name: MeterName = "nvml"
    scope = "whole GPUs"
    method = "energy counters"

    def __init__(self, devices: list[Device]) -> None:
        self._devices = devices
        self._last = self._read()

    def _read(self) -> list[float]:
        return [device.joules() for device in self._devices]

    def sample(self) -> float:
        """Joules since the sample before.

        Raises:
            OSError: A device cannot be read.
        """
        before, self._last = self._last, (now := self._read())
        return sum(now) - sum(before)


class SampledGpus:
    """GPUs without energy counters: power, integrated by trapezoids between samples."""

    name: MeterName = "nvml"
    scope = "whole GPUs"
    method = "integrated power samples"

    def __init__(self, devices: list[Device], clock: Callable[[], float] = time.monotonic) -> None:
        self._devices, self._clock = devices, clock
        self._last = self._read()

    def _read(self) -> tuple[float, float]:
        return self._clock(), sum(device.watts() for device in self._devices)

    def sample(self) -> float:
        """Joules since the sample before.

        Raises:
            OSError: A device cannot be read.
        """
        (began, before), self._last = self._last, (now := self._read())
        return (now[0] - began) * (before + now[1]) / 2


def open_nvml(devices: list[Device]) -> CountedGpus | SampledGpus | NoMeter:
    """The meter of these GPUs, or why there is none."""
    for kind in (CountedGpus, SampledGpus):
        try:
            return kind(devices)
        except OSError:
            continue
    return NoMeter("nvml", "the GPUs tell neither energy nor power")


def find_devices(first: int, number: int, library: Any = None) -> list[Device]:
    """At most `number` of the GPUs that this process may use (CUDA_VISIBLE_DEVICES), from the given one on.

    Args:
        first: Index among the visible ones.
        number: How many it uses.
        library: NVML; default: the driver's.

    Returns:
        The devices; none where there is no driver or it does not answer.
    """
    try:
        nvml = library or CDLL(LIBRARY)
        _check(nvml.nvmlInit_v2())
        handles = [_handle(nvml, name) for name in _visible(nvml)[first : first + number]]
    except OSError:
        return []
    return [Device(nvml, handle) for handle in handles]


def _visible(library: Any) -> list[str]:
    if (named := os.environ.get(VISIBLE)) is not None:
        return [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
    count = c_uint()
    _check(library.nvmlDeviceGetCount_v2(byref(count)))
    return [str(index) for index in range(count.value)]


def _handle(library: Any, name: str) -> c_void_p:
    handle = c_void_p()
    if name.isdigit():
        _check(library.nvmlDeviceGetHandleByIndex_v2(c_uint(int(name)), byref(handle)))
    else:
        _check(library.nvmlDeviceGetHandleByUUID(c_char_p(name.encode()), byref(handle)))
    return handle


def _check(code: int) -> None:
    if code != 0:
        raise OSError(f"NVML error {code}")
