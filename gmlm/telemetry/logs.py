"""The project's one logger: fields beside a fixed message, and never a word of any document.

A message of ours is a fixed phrase. Whatever varies is a field (`extra=`) or an argument, and passes only if it
cannot be text: numbers and booleans always; strings only in the fields of `NAME_FIELDS` and only without blanks.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from json import dumps
from typing import Any

from gmlm.errors import ConfigError, GmlmError

NAME_FIELDS = frozenset(
    {"address", "bucket", "counter", "device", "engine", "error", "file", "fingerprint", "gateway", "kind", "language"}
    | {"manifest", "metric", "model", "node", "outcome", "path", "phase", "prefix", "role", "signal", "split", "stage"}
    | {"status", "store", "study", "task", "uri", "version"}
)
"""Fields that may hold a string: a name, an address or a word of a closed set."""
REDACTED = "[redacted]"

_NAME = re.compile(r"[\w.:/@+=~-]{1,200}")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_HANDLER_NAME = "gmlm"

LEVELS = ("debug", "info", "warning", "error")


def get_logger(name: str) -> logging.Logger:
    """The logger of a module, below the logger `gmlm`. Pass figures by `extra={...}`."""
    return logging.getLogger(name)


def configure_logs(json: bool = False, level: str = "info") -> None:
    """Write logs to standard error: JSON lines or lines for people. Calling it again replaces the earlier setting.

    Libraries' own messages appear from `warning` on, whatever the level.

    Raises:
        ConfigError: There is no such level.
    """
    if level not in LEVELS:
        raise ConfigError(f"unknown log level {level!r}", fix=f"choose one of {', '.join(LEVELS)}")
    handler = _BesideBars()
    handler.name = _HANDLER_NAME
    handler.setFormatter(JsonLines() if json else PlainLines())
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.name == _HANDLER_NAME]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("gmlm").setLevel(level.upper())
    logging.captureWarnings(True)
    logging.getLogger("DeepSpeed").addFilter(_beside_the_point)


def _beside_the_point(record: logging.LogRecord) -> bool:
    """False for DeepSpeed's warning that a machine has no GPU, which its mere import prints."""
    return not str(record.msg).startswith("Setting accelerator to CPU")


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, then the record's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        return dumps(line | _fields(record) | _exception(record) | line, ensure_ascii=False)


class PlainLines(logging.Formatter):
    """Lines for people: time of day, level, message, fields as `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        clock = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        fields = "".join(f" {name}={value}" for name, value in (_fields(record) | _exception(record)).items())
        return f"{clock} {record.levelname.lower():7} {_message(record)}{fields}"


class _BesideBars(logging.StreamHandler[Any]):
    """Writes to the standard error of the moment, without tearing the progress bars there."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
            if "tqdm" in sys.modules:
                sys.modules["tqdm"].tqdm.write(line, file=sys.stderr)
            else:
                print(line, file=sys.stderr)
        except Exception:
            self.handleError(record)


def _message(record: logging.LogRecord) -> str:
    if not record.args:
        return str(record.msg)
    arguments = record.args
    try:
        if isinstance(arguments, dict):
            return str(record.msg) % {name: _argument(value) for name, value in arguments.items()}
        return str(record.msg) % tuple(_argument(value) for value in arguments)
    except (TypeError, ValueError):  # a redacted argument does not fit %d
        return str(record.msg)


def _argument(value: object) -> object:
    return value if isinstance(value, bool | int | float | None) else REDACTED


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    return {name: _allowed(name, value) for name, value in extra.items()}


def _allowed(name: str, value: object) -> object:
    if isinstance(value, bool | int | float | None):
        return value
    return value if isinstance(value, str) and name in NAME_FIELDS and _NAME.fullmatch(value) else REDACTED


def _exception(record: logging.LogRecord) -> dict[str, str]:
    """What was raised and where. The text of an exception that is not ours may quote a document: it stays out."""
    if not record.exc_info or record.exc_info[1] is None:
        return {}
    error = record.exc_info[1]
    frames = traceback.extract_tb(error.__traceback__)
    at = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames))
    what = {"explanation": str(error)} if isinstance(error, GmlmError) else {}
    return {"exception": type(error).__name__, "at": at, **what}
