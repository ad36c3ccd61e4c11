"""Bytes that a step sends by ZeRO stage beside the formula, and two processes beside one on the same two cores.

The figure is real tokens per second of wall time of two processes with one thread each (the faster of plain torch and
ZeRO 1) over one process with two threads; it wants two idle cores. `--volume` measures the bytes alone.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from record import finish

from gmlm.study.scaling import bytes_sent

WORKER = Path(__file__).with_name("scaling_worker.py")
LAYOUTS = ("torch", "zero 0", "zero 1", "zero 2", "zero 3")
GOAL, VOLUME_GOAL = 1.0, 1.01
ROUNDS, STEPS = 3, 8


def measured(layout: str, ranks: int, steps: int, threads: int = 1) -> dict[str, Any]:
    """What the worker has written: parameters, tokens and each step but the first."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "steps.json"
        command = [*(launcher if ranks > 1 else [sys.executable]), str(WORKER), layout, str(steps), str(output)]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        found: dict[str, Any] = json.loads(output.read_text())
        return found


def volume() -> None:
    """Bytes that each of two ranks sends in a step; the figure is the worst ratio to the formula."""
    figures, worst = dict[str, float](), 0.0
    for layout in LAYOUTS:
        found = measured(layout, ranks=2, steps=3)
        sent = {name: count for name, count in found["steps"][-1].items() if name != "seconds"}
        stage = int(layout.removeprefix("zero ")) if layout != "torch" else 0
        figures |= {f"{layout} {name}": count for name, count in sent.items()}
        figures |= {"parameters": found["parameters"], f"{layout} bytes per step": sum(sent.values())}
        worst = max(worst, sum(sent.values()) / bytes_sent(found["parameters"], 2, stage))
    settings = {"ranks": 2, "backend": "gloo", "layers": 4, "hidden": 256}
    finish("communication", figure=worst, goal=VOLUME_GOAL, figures=figures, settings=settings)


def speed() -> None:
    """Real tokens per second of one process and of two on the same cores, in turn."""
    cases = {"one process": ("torch", 1, 2), "one thread": ("torch", 1, 1)}
    cases |= {f"two processes, {layout}": (layout, 2, 1) for layout in LAYOUTS}
    samples: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, (layout, ranks, threads) in cases.items():
            found = measured(layout, ranks, STEPS, threads)
            samples[name].append(found["tokens"] / sum(step["seconds"] for step in found["steps"]))
    figures = {f"{name} tokens/s": statistics.median(values) for name, values in samples.items()}
    two = max(figures["two processes, torch tokens/s"], figures["two processes, zero 1 tokens/s"])
    finish(
        "scaling",
        figure=two / figures["one process tokens/s"],
        goal=GOAL,
        figures=figures,
        settings={"rounds": ROUNDS, "steps": STEPS, "cores": 2, "backend": "gloo"},
    )


if __name__ == "__main__":
    volume()
    if "--volume" not in sys.argv:
        speed()
