"""How many processes of this machine a stage may use. It is no part of a study: it changes no byte of the output."""

from __future__ import annotations

import os

from gmlm.errors import ConfigError

VARIABLE = "GMLM_WORKERS"
"""Environment variable with the number of processes; 1 if it is not set. `--workers` sets it for one command."""


def worker_count() -> int:
    """The number of processes asked for.

    Raises:
        ConfigError: The variable holds no positive whole number.
    """
    value = os.environ.get(VARIABLE, "1")
    if not value.isdecimal() or int(value) < 1:
        raise ConfigError(
            f"{value!r} is no number of processes", where=VARIABLE, fix="set it to 1 or more, or unset it"
        )
    return int(value)
