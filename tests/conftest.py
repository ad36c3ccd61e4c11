"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from gmlm.manifest import Manifest, RawInput
from gmlm.stage import StageRun
from gmlm.storage.local import LocalStore

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

MakeRun = Callable[..., StageRun]


@pytest.fixture
def real_data() -> Path:
    """The folder of real texts; tests that need it are skipped where it is not set."""
    folder = os.environ.get("GMLM_REAL_DATA")
    if not folder:
        pytest.skip("GMLM_REAL_DATA is not set: no real texts to read")
    return Path(folder)


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[MakeRun]:
    """Make the StageRun of a stage in a store under tmp_path: make_run("ingest", "name", inputs={...})."""

    def make(
        stage: str,
        name: str = "x",
        *,
        inputs: Mapping[str, Manifest] | None = None,
        raw_inputs: tuple[RawInput, ...] = (),
        seed: int = 13,
        fingerprint: str = "f" * 64,
        study_folder: Path | None = None,
    ) -> StageRun:
        scratch = tmp_path / "scratch" / stage / name
        scratch.mkdir(parents=True, exist_ok=True)
        return StageRun(
            stage=stage,
            name=name,
            store=LocalStore(tmp_path / "store"),
            prefix=f"{stage}/{name}/{fingerprint[:12]}",
            scratch=scratch,
            fingerprint=fingerprint,
            seed=seed,
            study_folder=study_folder or tmp_path,
            inputs=dict(inputs or {}),
            raw_inputs=raw_inputs,
        )

    yield make
