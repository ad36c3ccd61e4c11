"""The project's one logger: fields beside a fixed message, and never a word of any document."""

from __future__ import annotations

import logging


def get_logger(name: str) -> logging.Logger:
    """The logger of a module, below the logger `gmlm`. Pass figures by `extra={...}`."""
    return logging.getLogger(name)
