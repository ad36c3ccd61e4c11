"""Progress: a bar for people, few lines for logs, nothing on request."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from gmlm.telemetry import Progress, progress
from gmlm.telemetry.progress import LINE_INTERVAL


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

    module = sys.modules["gmlm.telemetry.progress"]  # the package's attribute of that name is the function
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: Clock.now, time=lambda: Clock.now))
    return Clock


@pytest.fixture(autouse=True)
def no_setting(monkeypatch):
    monkeypatch.delenv("GMLM_PROGRESS", raising=False)


def test_a_log_gets_at_most_a_line_every_ten_seconds(clock, capsys):
    with progress("translate", total=6000, unit="segments") as bar:
        for _ in range(600):
            clock.now += 0.1
            bar.advance(10)
    lines = capsys.readouterr().err.splitlines()
    assert 5 <= len(lines) <= 60 / LINE_INTERVAL


def test_a_line_tells_share_time_left_rate_and_figures(clock, capsys):
    with progress("pretrain", total=8200, unit="steps", done=200) as bar:
        bar.show(loss=2.34567)
        clock.now += 20
        bar.advance(40)
    assert capsys.readouterr().err == "pretrain: 240 of 8200 steps (3%), 1:06:20 left, 2 steps/s, loss 2.346\n"


def test_a_line_without_a_total_tells_what_is_known(clock, capsys):
    with progress("ingest", total=None, unit="records") as bar:
        clock.now += 100
        bar.advance(50)
    assert capsys.readouterr().err == "ingest: 50 records, 0.5 records/s\n"


def test_short_work_leaves_no_line_in_a_log(clock, capsys):
    with progress("hash", total=2) as bar:
        clock.now += LINE_INTERVAL - 1
        bar.advance(2)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_that_starts_where_the_work_resumes(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress("pretrain", total=10, unit="steps", done=4) as bar:
        bar.show(loss=1.0)
        bar.advance(6)
    written = capsys.readouterr().err
    assert "4/10" in written
    assert "10/10" in written
    assert "loss=1" in written


def test_zero_in_the_environment_turns_it_off(capsys, monkeypatch, clock):
    monkeypatch.setenv("GMLM_PROGRESS", "0")
    with progress("x", total=1) as bar:
        clock.now += 100
        bar.show(loss=1.0)
        bar.advance()
    assert type(bar) is Progress
    assert capsys.readouterr().err == ""


def test_the_bar_library_is_not_imported_at_start():
    code = "import sys, gmlm.telemetry; sys.exit('tqdm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
