"""Logs hold figures and names, never text."""

from __future__ import annotations

import json
import logging
import sys
import warnings

import pytest

from gmlm.errors import ConfigError, DataFormatError
from gmlm.telemetry import configure_logs, get_logger, progress
from gmlm.telemetry.logs import REDACTED, JsonLines, PlainLines

CANARY = "Kanarienvogel-7f3a: Patientin klagt über Übelkeit"
WORD = "Kanarienvogel"


@pytest.fixture(autouse=True)
def restored_logging():
    root, own = logging.getLogger(), logging.getLogger("gmlm")
    handlers, levels = list(root.handlers), (root.level, own.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])
    logging.captureWarnings(False)


@pytest.fixture
def log():
    return get_logger("gmlm.test")


def test_a_json_line_has_time_level_logger_message_and_fields(log, capsys):
    configure_logs(json=True)
    log.info("shard published", extra={"stage": "ingest", "rows": 12, "seconds": 0.5, "full": True, "split": None})
    line = json.loads(capsys.readouterr().err)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "gmlm.test",
        "message": "shard published",
        "stage": "ingest",
        "rows": 12,
        "seconds": 0.5,
        "full": True,
        "split": None,
    }


def test_a_plain_line_has_the_same_fields(log, capsys):
    configure_logs()
    log.warning("disk is filling", extra={"path": "runs/x", "bytes": 3})
    assert capsys.readouterr().err.split(" ", 1)[1] == "warning disk is filling path=runs/x bytes=3\n"


@pytest.mark.parametrize("as_json", [True, False])
def test_no_canary_reaches_the_log_on_any_way(log, capsys, as_json):
    configure_logs(json=as_json, level="debug")
    log.info(
        "a field", extra={"text": CANARY, "segment": WORD, "path": CANARY, "labels": [CANARY], "map": {"a": CANARY}}
    )
    log.info("an argument %s", CANARY)
    log.info("named arguments %(text)s", {"text": CANARY})
    log.info("bytes and objects %s", ValueError(CANARY), extra={"raw": CANARY.encode()})
    try:
        raise ValueError(CANARY)
    except ValueError:
        log.exception("an exception", extra={"error": "ValueError"})
    written = capsys.readouterr().err
    assert WORD not in written
    assert written.count(REDACTED) >= 7
    assert "ValueError" in written
    assert "test_logs.py:" in written


@pytest.mark.parametrize("formatter", [JsonLines(), PlainLines()])
def test_an_argument_that_does_not_fit_its_place_does_not_slip_through(formatter):
    record = logging.makeLogRecord({"msg": "count %d", "args": (CANARY,), "levelname": "INFO"})
    assert "count" in formatter.format(record)
    assert WORD not in formatter.format(record)


def test_our_own_errors_are_explained_in_full(log, capsys):
    configure_logs(json=True)
    try:
        raise DataFormatError("not gzip", where="a.xml.gz", fix="fetch it again")
    except DataFormatError:
        log.exception("stage failed")
    line = json.loads(capsys.readouterr().err)
    assert line["explanation"] == "a.xml.gz: not gzip\n  What to do: fetch it again"


def test_numbers_may_be_arguments(log, capsys):
    configure_logs()
    log.info("%d of %.1f", 3, 4.0)
    assert "3 of 4.0" in capsys.readouterr().err


def test_a_field_cannot_pass_for_the_level(log, capsys):
    configure_logs(json=True)
    log.info("x", extra={"level": 99})
    assert json.loads(capsys.readouterr().err)["level"] == "info"


def test_libraries_are_heard_from_warning_on(capsys):
    configure_logs(json=True, level="debug")
    logging.getLogger("somelibrary").info("chatter")
    logging.getLogger("somelibrary").warning("trouble")
    warnings.warn("old interface", DeprecationWarning, stacklevel=1)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["logger"] for line in lines] == ["somelibrary", "py.warnings"]


def test_the_level_holds_and_configuring_twice_does_not_double_lines(log, capsys):
    configure_logs(level="debug")
    configure_logs(level="warning")
    log.info("quiet")
    log.warning("loud")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_log_line_during_a_bar_stands_on_a_line_of_its_own(log, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    configure_logs()
    with progress("work", total=3) as bar:
        bar.advance()
        log.warning("beside the bar")
    lines = capsys.readouterr().err.replace("\r", "\n").splitlines()
    assert sum(line.endswith("warning beside the bar") and "%" not in line for line in lines) == 1


def test_an_unknown_level_is_refused_with_the_levels_there_are():
    with pytest.raises(ConfigError, match="debug, info, warning, error"):
        configure_logs(level="chatty")
