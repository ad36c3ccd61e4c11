"""Words planted in texts and tasks appear in a study's data and nowhere else: no log, metric, error, page or key."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CANARY = "Zyklopenkanarie"
DATA = {".parquet", ".jsonl", ".safetensors", ".npy"}
"""Kinds of files that hold text, in the store and in scratch; `quarantine.jsonl` among them."""
VOCABULARY = {"tokenizer.json", "vocab.txt"}


@pytest.fixture(scope="module")
def world(faults: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of restricted texts, in which each document, question and span holds the canary, good or broken."""
    folder = tmp_path_factory.mktemp("canaries")
    faults.write_study(folder)
    study = yaml.safe_load((folder / "study.yaml").read_text())
    notes = [{"id": f"n{i}", "text": f"Befund {i} der {CANARY}{i % 7}, unauffällig am Tag {i}."} for i in range(40)]
    (folder / "notes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in notes) + f'{{"text": "{CANARY}\n')
    spans = [
        {"id": f"d{i}", "text": f"{CANARY} {i} mg", "spans": [{"start": 0, "end": 4, "label": "DRUG"}]}
        for i in range(20)
    ]
    (folder / "spans.jsonl").write_text("".join(json.dumps(row) + "\n" for row in spans) + f'{{"text": "{CANARY}\n')
    study["sources"]["notes"] |= {"restricted": True, "max_rejected_ratio": 0.5}
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return folder


def breakages() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """What goes wrong, by name: the input file, its content, and the changes of the study."""
    label = {"id": "x", "text": f"{CANARY} lebt", "spans": [{"start": 0, "end": 4, "label": "DRUG"}]}
    outside = {**label, "spans": [{"start": 0, "end": 400, "label": "DRUG"}]}
    task = {"kind": "token_classification", "reader": "spans_jsonl", "path": "bad", "labels": ["OTHER"]}
    notes = {"reader": "jsonl", "path": "bad", "language": "de", "restricted": True}
    return {
        "a label outside the set": ("bad", json.dumps(label) + "\n", {"tasks": {"t": task}}),
        "a span outside the text": ("bad", json.dumps(outside) + "\n", {"tasks": {"t": task}}),
        "nothing but broken records": ("bad", f'{{"text": "{CANARY}\n' * 5, {"sources": {"s": notes}}),
        "malformed XML": ("bad", f"<a>{CANARY}</b>", {"sources": {"s": {**notes, "reader": "pubmed_xml"}}}),
        "a quote without end": ("bad", f'text\n"{CANARY}', {"sources": {"s": {**notes, "reader": "csv"}}}),
        "another encoding": ("bad", f"text\n{CANARY}\udcff", {"sources": {"s": {**notes, "reader": "csv"}}}),
    }


def gmlm(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gmlm.cli", *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
        env={**os.environ, "GMLM_PROGRESS": "0", **environment},
    )


METRICS_AT_EXIT = """
import atexit, os, sys
from prometheus_client import generate_latest

def dump():
    from gmlm.telemetry.registry import registry
    open(os.environ["DUMP"], "wb").write(generate_latest(registry()))

atexit.register(dump)
sys.argv = ["gmlm", *sys.argv[1:]]
from gmlm.cli import main
main()
"""


def leaks(text: str) -> list[str]:
    return re.findall(f".{{0,40}}{CANARY}.{{0,20}}", text)


def test_a_whole_study_leaves_them_in_its_data_only(
    world: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    dump = tmp_path / "metrics"
    command = [
        sys.executable,
        "-c",
        METRICS_AT_EXIT,
        "run",
        str(world / "study.yaml"),
        "--log-level",
        "debug",
        "--log-format",
        "json",
    ]
    environment = {**os.environ, "GMLM_PROGRESS": "1", "DUMP": str(dump)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert leaks(done.stdout) == leaks(done.stderr) == []
    metrics = dump.read_text()
    assert "gmlm_documents_total" in metrics
    assert leaks(metrics) == []
    store, looked_at, holding = world / "store", 0, 0
    for path in (path for path in store.rglob("*") if path.is_file()):
        holds = CANARY.encode() in path.read_bytes()
        looked_at += 1
        holding += holds
        assert not holds or path.suffix in DATA or path.name in VOCABULARY, path
        assert CANARY not in str(path.relative_to(store))
    for page in ("report.html", "report.md", "report.json", "README.md"):
        assert list(store.rglob(page)), page
    assert holding > 0
    record_property(
        "figure", f"output, log, metrics and {looked_at} files of a study searched; {holding} files of data hold it"
    )


@pytest.mark.parametrize("name", breakages())
def test_an_error_names_the_place_and_not_the_text(name: str, tmp_path: Path) -> None:
    """A pod's termination message is the end of this output."""
    file, content, changes = breakages()[name]
    (tmp_path / file).write_bytes(content.encode("utf-8", "surrogateescape"))
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({"name": "bad", "store": "store", **changes}))
    failed = gmlm("run", str(tmp_path / "study.yaml"), "--log-level", "debug")
    assert failed.returncode not in (0, 1, 70), failed.stderr
    assert "What to do:" in failed.stderr
    assert leaks(failed.stdout + failed.stderr) == []


def test_no_parameter_or_key_of_a_pipeline_holds_them(world: Path, tmp_path: Path) -> None:
    planned = gmlm("plan", str(world / "study.yaml"))
    assert planned.returncode == 0
    compiled = gmlm("pipeline", "compile", "--output", str(tmp_path / "compiled"))
    assert compiled.returncode == 0, compiled.stderr
    pages = [path.read_text() for path in (tmp_path / "compiled").rglob("*.yaml")]
    assert pages
    assert leaks(planned.stdout + planned.stderr + "".join(pages)) == []
    for manifest in (world / "store").rglob("manifest.json"):
        assert leaks(manifest.read_text()) == []
