"""Measures a block of work: time, CPU, GPUs and energy, sampled by a thread, recorded in the store."""

from __future__ import annotations

import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from gmlm.storage import Store
from gmlm.telemetry import get_logger
from gmlm.telemetry.metrics import observe_energy
from gmlm.usage.environment import environment
from gmlm.usage.meter import Meter, NoMeter, Tally
from gmlm.usage.nvml import find_devices, open_nvml
from gmlm.usage.rapl import open_rapl
from gmlm.usage.record import Energy, UsageRecord, record_key

log = get_logger(__name__)

SAMPLE_SECONDS = 10.0
"""Between two samples: RAPL's counters wrap after minutes, and power must be sampled often to be integrated."""
SAVE_EVERY = 6
"""Samples between two writes of the record: what a killed process has used is lost from the last one on."""


@dataclass(frozen=True)
class Work:
    """What is measured.

    Attributes:
        stage: Name of the stage.
        name: Name of the part of the study that it makes.
        fingerprint: Identity of the output.
        progress: Identity of the work over attempts.
        first_gpu: The process's first GPU among those that it may use.
        gpus: GPUs that it uses where there are so many; 0 for work without them.
        timed: Whether its wall-clock time counts: of the ranks of one training, the first one's.
        metered: Whether it reads the meter of its machine: of several processes there, one.
    """

    stage: str
    name: str
    fingerprint: str
    progress: str
    first_gpu: int = 0
    gpus: int = 0
    timed: bool = True
    metered: bool = True


@contextmanager
def measured(work: Work, store: Store) -> Iterator[None]:
    """Record what the block uses, however it ends. Whatever fails in measuring is logged and stops nothing."""
    measurement = Measurement(work, store)
    try:
        yield
    finally:
        measurement.stop()


class Measurement:
    """A running measurement; begins when it is made."""

    def __init__(self, work: Work, store: Store, meters: Sequence[Meter | NoMeter] | None = None) -> None:
        devices = find_devices(work.first_gpu, work.gpus) if work.gpus else []
        self._work, self._store, self._devices = work, store, len(devices)
        self._key = record_key(work.stage, work.name, uuid.uuid4().hex[:12])
        if meters is None:
            meters = [open_rapl()] if work.metered else []
            meters = [*meters, open_nvml(devices)] if devices else meters
        self._missing = [meter for meter in meters if isinstance(meter, NoMeter)]
        self._tallies = [Tally(meter) for meter in meters if not isinstance(meter, NoMeter)]
        self._began, self._cpu = time.monotonic(), _cpu_seconds()
        self._ended = threading.Event()
        for tally in self._tallies:
            observe_energy(work.stage, tally.meter.name, 0.0)  # so that the first joules are an increase
        self._thread = threading.Thread(target=self._watch, name="usage", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it and write the record."""
        self._ended.set()
        self._thread.join()
        self.sample()
        self._save()

    def sample(self) -> None:
        """Read all meters."""
        for tally in self._tallies:
            observe_energy(self._work.stage, tally.meter.name, tally.sample())

    def record(self) -> UsageRecord:
        """What has been used so far."""
        seconds = time.monotonic() - self._began
        devices = self._devices or _devices_of_torch(self._work)
        return UsageRecord(
            stage=self._work.stage,
            name=self._work.name,
            fingerprint=self._work.fingerprint,
            progress=self._work.progress,
            seconds=seconds if self._work.timed else 0.0,
            cpu_seconds=_cpu_seconds() - self._cpu,
            gpu_seconds=devices * seconds,
            energy=tuple(self._energy(unknown_gpus=devices > self._devices)),
            environment=environment(),
        )

    def _energy(self, *, unknown_gpus: bool) -> Iterator[Energy]:
        for tally in self._tallies:
            meter = tally.meter
            if tally.intact:
                yield Energy(meter=meter.name, joules=tally.joules, scope=meter.scope, method=meter.method)
            else:
                yield Energy(meter=meter.name, reason="the last reading failed")
        missing = [*self._missing, NoMeter("nvml", "the driver's library NVML was not found")]
        for absent in missing if unknown_gpus else self._missing:
            yield Energy(meter=absent.name, reason=absent.reason)

    def _watch(self) -> None:
        samples = 0
        while not self._ended.wait(SAMPLE_SECONDS):
            self.sample()
            samples += 1
            if samples % SAVE_EVERY == 0:
                self._save()

    def _save(self) -> None:
        try:
            self._store.write(self._key, self.record().to_bytes())
        except Exception as error:  # a store that is full or gone is for the work itself to meet
            log.warning("usage is not recorded", extra={"error": type(error).__name__})


def _cpu_seconds() -> float:
    """User and system time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _devices_of_torch(work: Work) -> int:
    """GPUs of the work as PyTorch sees them, where NVML sees none; torch is not imported for it."""
    torch = sys.modules.get("torch")
    visible = torch.cuda.device_count() if torch is not None and work.gpus else 0
    return max(0, min(work.gpus, visible - work.first_gpu))
