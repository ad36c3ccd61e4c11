"""Checkpoints are whole or absent, belong to their work, and the last good one is kept."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from gmlm.config import OptimisationConfig
from gmlm.errors import CheckpointMismatchError, DiskFullError, StorageError
from gmlm.training import Batch, TrainingResult, train

EVERY_TWO = OptimisationConfig(learning_rate=1e-2, log_every=1, checkpoint_every=2)


def small_model(width: int = 8) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 1))


def run(checkpoints: Path, steps: int = 4, fingerprint: str = "f", width: int = 8) -> TrainingResult:
    def batches(step: int) -> list[Batch]:
        return [{"x": torch.randn(3, 4, generator=torch.Generator().manual_seed(step))}]

    return train(
        small_model(width),
        loss=lambda model, batch: (model(batch["x"]) ** 2).mean(),
        batches=batches,
        steps=steps,
        optimisation=EVERY_TWO,
        seed=1,
        fingerprint=fingerprint,
        checkpoints=checkpoints,
    )


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """The one checkpoint that a run of four steps leaves."""
    run(tmp_path / "checkpoints")
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    return checkpoint


def test_a_checkpoint_is_safetensors_optimiser_and_one_json(finished: Path) -> None:
    assert finished.name == "step-00000004"
    assert sorted(file.name for file in finished.iterdir()) == ["model.safetensors", "optimiser.pt", "state.json"]
    state = json.loads((finished / "state.json").read_text())
    assert (state["fingerprint"], state["step"], len(state["curve"])) == ("f", 4, 4)


def test_a_finished_run_is_restored_without_training(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = json.loads((finished / "state.json").read_text())["curve"]
    monkeypatch.setattr("gmlm.training.loop._Run.advance", lambda _: pytest.fail("a step was trained again"))
    assert [point.loss for point in run(finished.parent).curve] == [point["loss"] for point in expected]


def test_a_half_written_checkpoint_is_ignored(finished: Path) -> None:
    later = finished.with_name("step-00000099")
    later.mkdir()
    (later / "model.safetensors").write_bytes(b"half")
    partial = finished.with_name(".partial")
    partial.mkdir()
    (partial / "state.json").write_text("{")
    assert run(finished.parent) == run(finished.parents[1] / "fresh")


def test_other_work_is_refused(finished: Path) -> None:
    with pytest.raises(CheckpointMismatchError, match="fingerprint") as caught:
        run(finished.parent, fingerprint="g")
    assert caught.value.where == str(finished)


@pytest.mark.parametrize("file", ["model.safetensors", "optimiser.pt", "state.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"half"])
def test_a_damaged_checkpoint_is_named(finished: Path, file: str, content: bytes) -> None:
    (finished / file).write_bytes(content)
    with pytest.raises(StorageError, match="damaged") as caught:
        run(finished.parent)
    assert caught.value.where == str(finished)


def test_pickled_code_is_not_run(finished: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (finished / "attacked",))

    torch.save({"state": Attack()}, finished / "optimiser.pt")
    with pytest.raises(StorageError):
        run(finished.parent)
    assert not (finished / "attacked").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_the_checkpoint_before_stays(small_disk: Path) -> None:
    width = 16_000  # About 0.4 MB of weights and 0.8 MB of optimiser state: there is no room for two checkpoints.
    with pytest.raises(DiskFullError):
        run(small_disk, width=width)
    (kept,) = small_disk.glob("step-*")
    assert kept.name == "step-00000002"
    assert run(small_disk, steps=2, width=width).steps == 2


@pytest.mark.parametrize("file", ["model.safetensors", "optimiser.pt", "state.json"])
def test_a_single_bit_that_flips_is_found(finished: Path, file: str) -> None:
    """Every tenth byte; without hashes a flip within a tensor or a figure would train on unnoticed."""
    whole = (finished / file).read_bytes()
    for place in range(0, len(whole), 10):
        (finished / file).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(StorageError, match="damaged"):
            run(finished.parent)
