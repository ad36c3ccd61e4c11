"""Two ranks pre-train as one does, and publish once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gmlm.manifest import Manifest
from gmlm.storage.local import LocalStore

SCRIPT = Path(__file__).with_name("ranks.py")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["masked_language_modeling", "replaced_token_detection"])
def test_two_ranks_pretrain_as_one(
    objective: str, make_tokens: Callable[..., Manifest], tokenizer_input: Manifest, tmp_path: Path
) -> None:
    documents = [[5 + (7 * d + i) % 8 for i in range(8 + d % 20)] for d in range(60)]
    make_tokens(documents, documents[:10])
    reports = []
    for name, ranks, engine in (("one", 1, "torch"), ("two", 2, "torch"), ("zero", 2, "deepspeed")):
        (tmp_path / name).mkdir()
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
        arguments = [str(tmp_path / "store"), str(tmp_path / name), name, engine, objective]
        subprocess.run([*launch, str(SCRIPT), *arguments], env=ENVIRONMENT, check=True, timeout=250)
        store = LocalStore(tmp_path / "store")
        reports.append(json.loads(store.read(f"pretrain/{name}/{'f' * 12}/training.json"))["phases"][0])
    for report in reports[1:]:
        for ours, theirs in zip(report["curve"], reports[0]["curve"], strict=True):
            assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-5)
        assert report["holdout"][-1]["loss"] == pytest.approx(reports[0]["holdout"][-1]["loss"], abs=1e-5)
