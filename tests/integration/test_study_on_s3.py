"""A study on a real S3 server gives what it gives in a folder, byte for byte, and resumes there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gmlm.errors import InputNotFoundError
from gmlm.lineage import lineage, locate
from gmlm.storage import Store, open_store
from gmlm.study import commands
from gmlm.study.registry import STAGES
from gmlm.study.selection import Selection

pytestmark = pytest.mark.integration

STUDY = """
name: small
sources:
  notes: {reader: jsonl, path: notes.jsonl, language: de}
recipes:
  notes: {sources: {notes: {}}, min_characters: 1, holdout_ratio: 0.2}
tokenizers:
  pieces: {train: {corpus: notes, vocab_size: 200}}
"""


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GMLM_SCRATCH", str(tmp_path / "scratch"))
    words = ["Husten", "Fieber", "Übelkeit", "Größe", "Blutdruck", "Schmerz", "Befund", "unauffällig", "Therapie"]
    notes = [
        {"text": " ".join(words[(i * k) % 9] for k in range(1, 8)) + f" am Tag {i} der Behandlung."} for i in range(60)
    ]
    (tmp_path / "notes.jsonl").write_text("\n".join(json.dumps(note) for note in notes), encoding="utf-8")
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    return tmp_path / "study.yaml"


def run(study: Path, store: str) -> dict[str, str]:
    _, outcome = commands.run(study, Selection(), store=store, observer=lambda node, outcome: None)
    assert outcome.failures == {}
    return {node: outcome.status for node, outcome in outcome.nodes.items()}


def contents(store: Store) -> dict[str, bytes]:
    """Everything that stages published: keys are STAGE/NAME/FINGERPRINT/..."""
    return {key: store.read(key) for stage in STAGES for key in store.list(stage)}


def test_s3_and_a_folder_hold_the_same_bytes_and_both_recognise_finished_work(study, s3_environment, tmp_path):
    remote, local = s3_environment + "/runs", str(tmp_path / "runs")
    assert set(run(study, local).values()) == {"done"}
    assert set(run(study, remote).values()) == {"done"}
    there = contents(open_store(remote))
    assert there == contents(open_store(local))
    stages = {key.split("/")[0] for key in there if key.endswith("manifest.json")}
    assert {"ingest", "corpus", "tokenizer"} <= stages
    assert set(run(study, remote).values()) == {"finished before"}
    tokenizer = next(key for key in there if key.startswith("tokenizer/") and key.endswith("manifest.json"))
    node = lineage(*locate(f"{remote}/{tokenizer}"))
    assert node.intact
    assert node.inputs[0].inputs[0].raw_inputs[0].name == "notes.jsonl"


def test_a_study_in_a_bucket_that_does_not_exist_ends_with_its_name(study, s3_environment):
    with pytest.raises(InputNotFoundError, match="s3://gmlm-not-there: no such bucket"):
        run(study, "s3://gmlm-not-there/runs")
