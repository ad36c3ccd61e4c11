"""What a process computes with: versions, processor, threads, GPUs. Where one differs, so may a result's last bits.

Another number of threads, another processor or another release of PyTorch adds in another order. Over thousands of
steps that makes another model, as another seed would.
"""

from __future__ import annotations

import os
import platform
import sys
from collections import Counter
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("gmlm", "torch", "transformers", "deepspeed", "ctranslate2")
"""Packages that results come from."""


def environment() -> dict[str, str]:
    """Versions by package, `processor`, `threads` and, where PyTorch uses them, `gpus`. No host, user or path."""
    found = {**_versions(), "processor": _processor(), "threads": _threads()}
    gpus = _gpus()
    return found | ({"gpus": gpus} if gpus else {})


def described(found: dict[str, str]) -> str:
    """An environment in one line."""
    versions = [f"{name} {text}" for name, text in found.items() if name not in ("processor", "threads", "gpus")]
    threads = found.get("threads", "")
    places = [found.get("processor", ""), f"{threads} thread{'' if threads == '1' else 's'}", found.get("gpus", "")]
    return ", ".join([*versions, *filter(None, places)])


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def _processor() -> str:
    """The processor's name in Linux, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _threads() -> str:
    """Threads of PyTorch's operations; where PyTorch is not loaded, those that OpenMP would take."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return str(torch.get_num_threads())
    return os.environ.get("OMP_NUM_THREADS") or str(os.cpu_count() or 1)


def _gpus() -> str:
    """GPUs that PyTorch has begun to use, such as `2 x NVIDIA H100`; it is not made to begin for this."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return ""
    names = Counter(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
    return ", ".join(f"{count} x {name}" for name, count in names.items())
