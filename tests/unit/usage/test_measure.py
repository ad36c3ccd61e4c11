"""Work is measured however it ends, attempts add up, and nothing that fails in measuring stops it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gmlm.errors import StorageError
from gmlm.storage.local import LocalStore
from gmlm.telemetry import metrics
from gmlm.usage import measure
from gmlm.usage.measure import Measurement, Work, measured
from gmlm.usage.meter import MeterName, NoMeter
from gmlm.usage.record import forget_records, record_key, records_of

WORK = Work("pretrain", "base", fingerprint="f" * 64, progress="p" * 64)


class Ten:
    """A meter that counts ten joules a sample, until it breaks."""

    name: MeterName = "rapl"
    scope = "all of it"
    method = "counting"
    broken = False

    def sample(self) -> float:
        if self.broken:
            raise OSError("gone")
        return 10.0


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def test_what_a_block_uses_is_recorded_beside_the_outputs_however_it_ends(store):
    for error in (None, KeyboardInterrupt(), StorageError("full")):
        try:
            with measured(WORK, store):
                sum(range(2_000_000))
                if error:
                    raise error
        except (KeyboardInterrupt, StorageError):
            pass
    records = records_of(store, "pretrain", "base", "f" * 64)
    assert len(records) == 3
    assert all(record.cpu_seconds > 0 and 0 < record.seconds < 60 for record in records)
    assert {record.gpu_seconds for record in records} == {0}
    assert all(key.startswith("usage/records/pretrain/base/") for key in store.list())


def test_energy_is_that_of_all_samples_and_is_exported(store):
    before = metrics.registry().get_sample_value("gmlm_energy_joules_total", {"stage": "pretrain", "meter": "rapl"})
    measurement = Measurement(WORK, store, [Ten(), NoMeter("nvml", "no GPU tells")])
    measurement.sample()
    measurement.stop()
    (record,) = records_of(store, "pretrain", "base", "f" * 64)
    assert [(e.meter, e.joules, e.reason) for e in record.energy] == [
        ("rapl", 20.0, ""),
        ("nvml", None, "no GPU tells"),
    ]
    after = metrics.registry().get_sample_value("gmlm_energy_joules_total", {"stage": "pretrain", "meter": "rapl"})
    assert after - (before or 0) == 20


def test_a_figure_that_lacks_the_end_is_none(store):
    meter = Ten()
    measurement = Measurement(WORK, store, [meter])
    measurement.sample()
    meter.broken = True
    measurement.stop()
    (energy,) = records_of(store, "pretrain", "base", "f" * 64)[0].energy
    assert (energy.joules, energy.reason) == (None, "the last reading failed")


def test_a_killed_process_leaves_what_it_has_saved(store, monkeypatch):
    monkeypatch.setattr(measure, "SAMPLE_SECONDS", 0.01)
    measurement = Measurement(WORK, store, [Ten()])
    for _ in range(500):
        if records := records_of(store, "pretrain", "base", "f" * 64):
            break
        measurement._ended.wait(0.01)
    measurement.stop()
    assert records[0].energy[0].joules >= 10 * measure.SAVE_EVERY
    assert len(records_of(store, "pretrain", "base", "f" * 64)) == 1


def test_other_ranks_count_their_cpu_but_neither_hours_nor_the_machine_again(store):
    work = Work("pretrain", "base", "f" * 64, "p" * 64, timed=False, metered=False)
    with measured(work, store):
        pass
    (record,) = records_of(store, "pretrain", "base", "f" * 64)
    assert (record.seconds, record.energy) == (0, ())


def test_a_store_that_is_full_stops_nothing(store, monkeypatch):
    def full(key: str, data: bytes) -> None:
        raise StorageError("no space left")

    monkeypatch.setattr(store, "write", full)
    with measured(WORK, store):
        pass


def test_attempts_belong_together_by_their_progress_and_are_forgotten_with_it(store):
    other_device = Work("pretrain", "base", fingerprint="e" * 64, progress="p" * 64)
    other_work = Work("pretrain", "base", fingerprint="d" * 64, progress="q" * 64)
    for work in (WORK, other_device, other_work):
        with measured(work, store):
            pass
    assert len(records_of(store, "pretrain", "base", "e" * 64)) == 2
    assert records_of(store, "pretrain", "base", "0" * 64) == []
    forget_records(store, "pretrain", "base", "p" * 64)
    assert records_of(store, "pretrain", "base", "e" * 64) == []
    assert len(records_of(store, "pretrain", "base", "d" * 64)) == 1


def test_a_damaged_record_is_left_out(store):
    store.write(record_key("pretrain", "base", "x"), b"\xff{")
    assert records_of(store, "pretrain", "base", "f" * 64) == []
