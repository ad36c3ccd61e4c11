"""CPU-seconds of `gmlm --help`, beside a Python process that imports nothing and one that imports all at once."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from pathlib import Path

from record import finish

GOAL = 0.2
ROUNDS = 7
EAGER = "import torch, transformers, deepspeed, datasets, boto3, prometheus_client, kfp, gmlm.cli"


def cpu_seconds(command: list[str]) -> float:
    """User and system time of a child process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    gmlm = str(Path(sys.executable).parent / "gmlm")
    commands = {"gmlm --help": [gmlm, "--help"], "python -c pass": [sys.executable, "-c", "pass"]}
    samples: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            samples[name].append(cpu_seconds(command))
    eager = cpu_seconds([sys.executable, "-c", EAGER])
    figures = {name: statistics.median(values) for name, values in samples.items()} | {"all imports": eager}
    finish("startup", figure=figures["gmlm --help"], goal=GOAL, figures=figures, settings={"rounds": ROUNDS})


if __name__ == "__main__":
    main()
