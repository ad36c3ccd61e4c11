"""In which arithmetic matrix products are made: bf16 where it was asked for and is no slower than fp32.

On a CPU bf16 saves time only where it has units for it. Intel's have them as AMX; by AVX-512's VDPBF16PS alone they
multiply bf16 at half the speed of fp32, and processors that lack that too convert to fp32 first. There fp32, which
is more exact as well, is what one wants. What the processor says of itself decides, not a measurement: the same machine
must always compute the same.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Literal

import torch

from gmlm.telemetry import get_logger

_logger = get_logger(__name__)
Precision = Literal["fp32", "bf16"]


def arithmetic(device: torch.device, precision: Precision) -> AbstractContextManager[Any]:
    """Make matrix products on a device in bf16 for the time of a call, where that is wanted and worth while."""
    wanted = precision == "bf16"
    if wanted and device.type == "cpu" and not cpu_multiplies_bf16():
        wanted = False
        _tell()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=wanted)


def cpu_multiplies_bf16() -> bool:
    """Whether this machine's CPU multiplies bf16 at least as fast as fp32; yes where PyTorch cannot tell."""
    return multiplies_bf16(getattr(torch.cpu, "get_capabilities", dict)())


@cache
def _tell() -> None:
    _logger.info("this CPU multiplies fp32 faster than bf16, so fp32 it is")


def multiplies_bf16(capabilities: dict[str, Any]) -> bool:
    """The same of a CPU with the capabilities that PyTorch names."""
    if not capabilities:
        return True
    if "avx512_bf16" not in capabilities:
        return bool(capabilities.get("bf16"))
    intel = str(capabilities.get("cpu_name", "")).startswith("Intel")
    return bool(capabilities["amx_bf16"] or (capabilities["avx512_bf16"] and not intel))
