"""The lowest ZeRO stage that fits is chosen; bytes are those of the ZeRO paper."""

from __future__ import annotations

import pytest

from gmlm.study.sharding import Gpus, lowest_stage, sharding_of, state_bytes


@pytest.mark.parametrize(("stage", "gigabytes"), [(0, 120), (1, 60 + 60 / 64), (2, 30 + 90 / 64), (3, 120 / 64)])
def test_bytes_are_those_of_the_paper(stage: int, gigabytes: float) -> None:
    """Section 3 of the paper: 7.5 B parameters on 64 GPUs. Here a parameter has 16 bytes too, in other parts."""
    assert state_bytes(7_500_000_000, stage, 64) == pytest.approx(gigabytes * 1e9)


@pytest.mark.parametrize(
    ("parameters", "gpus", "gigabytes", "stage"),
    [
        (110_000_000, 8, 80, 0),
        (4_000_000_000, 8, 80, 1),
        (5_500_000_000, 8, 80, 2),
        (20_000_000_000, 8, 80, 3),
        (30_000_000_000, 8, 80, None),
        (4_000_000_000, 1, 80, None),
    ],
)
def test_the_lowest_stage_that_fits_is_chosen(parameters: int, gpus: int, gigabytes: int, stage: int | None) -> None:
    assert lowest_stage(parameters, Gpus(gpus, gigabytes * 1e9)) == stage


def test_the_arithmetic_is_shown() -> None:
    text = sharding_of("pretrain/large", 4_000_000_000, Gpus(8, 80e9))
    assert text.startswith("pretrain/large: zero_stage: 1; 4000 M parameters need on each of 8 GPUs stage 0: 64.00 GB")
    assert text.endswith("room: 60% of 80 GB = 48.0 GB")
    assert "does not fit on 1 GPUs" in sharding_of("x", 4_000_000_000, Gpus(1, 80e9))
