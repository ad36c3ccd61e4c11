"""A whole study in miniature: from raw text to a report, in a folder and on S3, and through interruptions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gmlm.config import load_study
from gmlm.lineage import lineage, locate
from gmlm.storage import Store, open_store
from gmlm.study import commands
from gmlm.study.graph import build_graph
from gmlm.study.registry import STAGES
from gmlm.study.selection import Selection

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "GMLM_PROGRESS": "0"}


def gmlm(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gmlm.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=280)


def contents(store: Store) -> dict[str, bytes]:
    """Everything that stages published: keys are STAGE/NAME/FINGERPRINT/..."""
    return {key: store.read(key) for stage in STAGES for key in store.list(stage)}


@pytest.fixture(scope="session")
def finished(tiny_study: Path) -> Path:
    """The store of the study after an uninterrupted run."""
    store = tiny_study.parent / "finished"
    result = gmlm("run", str(tiny_study), "--store", str(store))
    assert result.returncode == 0, result.stderr
    return store


def test_every_stage_leaves_a_manifest_and_the_report_names_every_cell(tiny_study: Path, finished: Path) -> None:
    study = commands.open_study(tiny_study, store=str(finished))
    assert all(node.finished(study.store) for node in study.plan.nodes.values())
    report = study.plan.nodes["report/quickstart"].prefix
    html = study.store.read(f"{report}/report.html").decode()
    for model in study.config.evaluation.models:  # type: ignore[union-attr]
        assert model in html
    assert json.loads(study.store.read(f"{report}/report.json"))["headline"]


def test_records_are_never_lost(tiny_study: Path, finished: Path) -> None:
    study = commands.open_study(tiny_study, store=str(finished))
    for planned in study.plan.nodes.values():
        counters = json.loads(study.store.read(f"{planned.prefix}/manifest.json"))["counters"]
        if "in" in counters:
            left = counters["out"] + counters.get("rejected", 0) + counters.get("dropped", 0)
            assert counters["in"] + counters.get("repeated", 0) == left, planned.node.id


def test_a_score_can_be_traced_to_the_raw_inputs(tiny_study: Path, finished: Path) -> None:
    study = commands.open_study(tiny_study, store=str(finished))
    tree = lineage(*locate(f"{finished}/{study.plan.nodes['evaluate/quickstart'].prefix}"))
    names, nodes = set(), [tree]
    while nodes:
        node = nodes.pop()
        assert node.intact
        names |= {raw.name for raw in node.raw_inputs}
        nodes.extend(node.inputs)
    assert {"NOTEEVENTS.csv", "world0001.xml.gz", "train.jsonl.gz", "ner.test.jsonl"} <= names


def test_run_again_it_recognises_everything(tiny_study: Path, finished: Path) -> None:
    _, outcome = commands.run(tiny_study, Selection(), store=str(finished), observer=lambda node, outcome: None)
    assert {node.status for node in outcome.nodes.values()} == {"finished before"}


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_on_s3_it_gives_the_same_bytes(tiny_study: Path, finished: Path, s3_environment: str) -> None:
    ENVIRONMENT.update({name: value for name, value in os.environ.items() if name.startswith("AWS_")})
    result = gmlm("run", str(tiny_study), "--store", f"{s3_environment}/study")
    assert result.returncode == 0, result.stderr
    assert contents(open_store(f"{s3_environment}/study")) == contents(open_store(str(finished)))


PRESS_CTRL_C = """
import logging, os, signal, sys, threading

stage, delay = sys.argv[1], float(sys.argv[2])

class Stop(logging.Handler):
    def emit(self, record):
        if record.getMessage() == "stage started" and record.node.startswith(stage + "/"):
            logging.getLogger("gmlm").removeHandler(self)
            threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT)).start()

logging.getLogger("gmlm").addHandler(Stop())
sys.argv = ["gmlm", *sys.argv[3:]]
from gmlm.cli import main

main()
"""
LONG = {"translator", "pretrain"}
"""Stages that take seconds even here: stopped when they are under way, others as they begin."""


def interrupt_in(stage: str, tiny_study: Path, store: Path) -> int:
    """Run until a stage has started, press Ctrl-C, and return the exit code."""
    command = [sys.executable, "-c", PRESS_CTRL_C, stage, "0.3" if stage in LONG else "0"]
    command += ["run", str(tiny_study), "--store", str(store), "--log-level", "info"]
    return subprocess.run(command, capture_output=True, env=ENVIRONMENT, timeout=300).returncode


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_stopped_once_in_each_stage_it_ends_with_the_same_bytes(tiny_study: Path, finished: Path) -> None:
    store = tiny_study.parent / "interrupted"
    graph = build_graph(load_study(tiny_study))
    stages = list(dict.fromkeys(node.stage for node in graph.values()))  # in the order in which they first run
    assert set(stages) == {stage for stage in STAGES if (finished / stage).is_dir()}
    codes = {stage: interrupt_in(stage, tiny_study, store) for stage in stages}
    assert codes == dict.fromkeys(stages, 130)
    assert gmlm("run", str(tiny_study), "--store", str(store)).returncode == 0
    assert contents(open_store(str(store))) == contents(open_store(str(finished)))
