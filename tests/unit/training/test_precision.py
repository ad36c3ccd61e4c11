"""bf16 is used where it is wanted and no slower than fp32."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gmlm.training.precision import Precision, arithmetic, multiplies_bf16

INTEL = {"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": False}
CPUS: dict[str, tuple[dict[str, Any], bool]] = {
    "Intel with AMX": ({**INTEL, "amx_bf16": True}, True),
    "Intel without AMX": (INTEL, False),
    "AMD with AVX-512": ({**INTEL, "cpu_name": "AMD EPYC"}, True),
    "AMD without": ({**INTEL, "cpu_name": "AMD EPYC", "avx512_bf16": False}, False),
    "ARM with bf16": ({"neon": True, "bf16": True}, True),
    "ARM without": ({"neon": True, "bf16": False}, False),
    "unknown": ({}, True),
}


@pytest.mark.parametrize("cpu", CPUS)
def test_a_cpu_without_units_for_bf16_uses_fp32(cpu: str) -> None:
    capabilities, fast = CPUS[cpu]
    assert multiplies_bf16(capabilities) is fast


@pytest.mark.parametrize(
    ("precision", "amx", "expected"),
    [("bf16", True, torch.bfloat16), ("bf16", False, torch.float32), ("fp32", True, torch.float32)],
)
def test_products_have_the_arithmetic(
    precision: Precision, amx: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {**INTEL, "amx_bf16": amx}, raising=False)
    with arithmetic(torch.device("cpu"), precision):
        assert torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3)).dtype is expected
