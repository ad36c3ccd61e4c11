"""Checkpoints in a remote store: each rank its part, complete or absent, in the background, kept by rule."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from gmlm.config import OptimisationConfig
from gmlm.errors import InterruptedRunError, StorageError
from gmlm.storage import StoredFile
from gmlm.storage.local import LocalStore
from gmlm.storage.open import open_store
from gmlm.training import Batch, TrainingResult, TrainingState, train
from gmlm.training.checkpoint_place import CheckpointPlace
from gmlm.training.distributed import World

EVERY_STEP = OptimisationConfig(learning_rate=1e-2, log_every=1, checkpoint_every=1)


class Remote(LocalStore):
    """A store that has no path on this machine, as S3 has none."""

    uploading: Callable[[str], object] = staticmethod(lambda key: None)

    def local_path(self, key: str) -> Path | None:  # type: ignore[override]
        return None

    def list(self, prefix: str = ""):  # type: ignore[no-untyped-def,override]
        return LocalStore(Path(self.uri)).list(prefix)

    def upload(self, path: Path, key: str) -> StoredFile:
        self.uploading(key)
        return super().upload(path, key)


@pytest.fixture
def place(tmp_path: Path) -> CheckpointPlace:
    return CheckpointPlace(Remote(tmp_path / "store"), "a/phase-0", tmp_path / "scratch")


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 1))


def batches(step: int) -> list[Batch]:
    return [{"x": torch.randn(3, 4, generator=torch.Generator().manual_seed(step))}]


def run(
    place: CheckpointPlace | None, steps: int = 5, trained: nn.Module | None = None, **options: object
) -> TrainingResult:
    return train(
        trained or model(),
        loss=lambda module, batch: (module(batch["x"]) ** 2).mean(),
        batches=batches,
        steps=steps,
        seed=1,
        fingerprint="f",
        checkpoints=place,
        **{"optimisation": EVERY_STEP, **options},
    )


class At:
    """Does something after a step."""

    def __init__(self, step: int, action: Callable[[TrainingState], object]) -> None:
        self._step, self._action = step, action

    def after_step(self, state: TrainingState) -> None:
        if state.step == self._step:
            self._action(state)


def terminate(_: TrainingState) -> None:
    signal.raise_signal(signal.SIGTERM)


def test_a_run_goes_on_from_a_remote_store_to_the_same_bits(place: CheckpointPlace) -> None:
    straight, resumed = model(), model()
    expected = run(None, trained=straight)
    with pytest.raises(InterruptedRunError):
        run(place, hooks=[At(3, terminate)])
    assert list(place.scratch.rglob("*.pt")) == []
    assert run(place, trained=resumed) == expected
    for a, b in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)
    assert place.whole() == ["step-00000005"]
    assert [path for path in place.scratch.rglob("*") if path.is_file()] == []


@pytest.mark.integration
def test_a_run_goes_on_from_s3_to_the_same_bits(s3_environment: str, tmp_path: Path) -> None:
    place = CheckpointPlace(open_store(s3_environment), "a/phase-0", tmp_path / "scratch")
    with pytest.raises(InterruptedRunError):
        run(place, hooks=[At(3, terminate)])
    assert run(place) == run(None)
    assert place.whole() == ["step-00000005"]


def test_training_goes_on_while_a_checkpoint_is_written(place: CheckpointPlace) -> None:
    fifth_step, waited = threading.Event(), []
    place.store.uploading = lambda key: waited.append(fifth_step.wait(60)) if "step-00000004" in key else None
    every_four = EVERY_STEP.model_copy(update={"checkpoint_every": 4})
    seen: list[int] = []

    class Watch:
        def after_step(self, state: TrainingState) -> None:
            seen.append(state.checkpoint_step)
            if state.step == 5:
                fifth_step.set()

    assert run(place, steps=6, optimisation=every_four, hooks=[Watch()]) == run(None, steps=6)
    assert waited == [True, True]  # The two files of the checkpoint of step 4 waited for step 5, which came.
    assert seen[4] == 0


def test_a_checkpoint_holds_the_state_in_which_it_was_begun(place: CheckpointPlace) -> None:
    keep = EVERY_STEP.model_copy(update={"keep_last": 9})
    run(place, optimisation=keep)
    assert [place.read_state(name)["step"] for name in place.whole()] == [1, 2, 3, 4, 5]
    assert [len(place.read_state(name)["curve"]) for name in place.whole()] == [1, 2, 3, 4, 5]


def test_the_best_and_every_second_checkpoint_are_kept(place: CheckpointPlace) -> None:
    class Score:
        def after_step(self, state: TrainingState) -> None:
            state.score = abs(state.step - 3.0)

    run(place, optimisation=EVERY_STEP.model_copy(update={"keep_best": True, "keep_every": 2}), hooks=[Score()])
    assert place.whole() == ["step-00000002", "step-00000003", "step-00000004", "step-00000005"]


def test_without_its_state_a_checkpoint_is_none_and_is_cleared_away(place: CheckpointPlace) -> None:
    place.store.write("a/phase-0/step-00000099/model.safetensors", b"half")
    assert run(place) == run(None)
    assert list(place.store.list("a/phase-0/step-00000099")) == []


def test_a_file_that_is_not_what_was_written_is_refused(place: CheckpointPlace) -> None:
    run(place)
    place.store.write("a/phase-0/step-00000005/optimiser.pt", b"other")
    with pytest.raises(StorageError, match="sha256"):
        run(place)


def test_a_store_that_fails_in_the_background_stops_training_and_keeps_the_checkpoint_before(
    place: CheckpointPlace,
) -> None:
    def fail(key: str) -> None:
        if "step-00000003" in key:
            raise StorageError("the store is away")

    place.store.uploading = fail
    with pytest.raises(StorageError, match="away"):
        run(place)
    assert place.whole() == ["step-00000002"]


def test_each_rank_adds_its_files(place: CheckpointPlace) -> None:
    sums = {}
    for rank in (1, 0):
        world = World(rank, 1, torch.device("cpu"))
        place.prepare(world)
        sums |= place.write("step-00000001", {f"part-{rank}": lambda file: file.write_bytes(b"x")}, world)
    assert place.whole() == []
    place.complete("step-00000001", {"files": sums}, World(0, 1, torch.device("cpu")))
    assert place.whole() == ["step-00000001"]
    assert sorted(json.loads(place.store.read("a/phase-0/step-00000001/state.json"))["files"]) == ["part-0", "part-1"]
