"""Communication of a step: formulas of the literature, and the volumes that DeepSpeed was measured to send."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gmlm.study.scaling import COMPUTE, NETWORKS, bytes_sent, least_tokens, scaling_of, sending_seconds, step_of

ROOT = Path(__file__).parents[3]
MEASURED = json.loads((ROOT / "benchmarks/results/communication.json").read_text())["figures"]
INFINIBAND = NETWORKS["100 Gb/s InfiniBand"]


@pytest.mark.parametrize("stage", range(4))
def test_the_formula_is_what_was_measured(stage: int) -> None:
    parameters = int(MEASURED["parameters"])
    assert MEASURED[f"zero {stage} bytes per step"] == pytest.approx(bytes_sent(parameters, 2, stage), rel=1e-3)


def test_bytes_are_those_of_a_ring() -> None:
    """ZeRO paper, section 7: stages 0 to 2 move twice the parameters, stage 3 three times; here of 4 bytes each."""
    assert bytes_sent(1000, 1) == 0
    assert bytes_sent(1000, 2) == 4000
    assert bytes_sent(1000, 8) == 7000
    assert bytes_sent(2 * 10**9, 10**6, 3) == pytest.approx(3 * 4 * 2e9, rel=1e-5)


def test_one_node_uses_no_network_and_two_nodes_the_slowest_part() -> None:
    parameters = 100_000_000
    assert sending_seconds(parameters, 8, INFINIBAND) == pytest.approx(700e6 / 450e9)
    # Two nodes exchange 2 * 1/2 * 400 MB over 12.5 GB/s.
    assert sending_seconds(parameters, 16, INFINIBAND) == pytest.approx(700e6 / 450e9 + 400e6 / 12.5e9)


def test_the_wanted_batch_reaches_the_wanted_share() -> None:
    tokens = least_tokens(110_000_000, 0.548e9, 64, INFINIBAND)
    step = step_of(110_000_000, 0.548e9, tokens, 64, INFINIBAND)
    assert step.efficiency == pytest.approx(0.9)
    assert step.computing == pytest.approx(0.548e9 * tokens / 64 / COMPUTE)


def test_a_faster_network_helps_and_more_nodes_cost() -> None:
    shares = [step_of(110_000_000, 0.548e9, 1e6, 32, network).efficiency for network in NETWORKS.values()]
    assert shares == sorted(shares)
    shares = [step_of(110_000_000, 0.548e9, 1e6, gpus, INFINIBAND).efficiency for gpus in (64, 32, 16, 8)]
    assert shares == sorted(shares)


def test_the_plan_says_what_is_sent() -> None:
    text = scaling_of(110_000_000, 131_072, 16, 0)
    assert "each GPU sends 0.82 GB a step" in text
    assert "400 Gb/s InfiniBand" in text
    assert "NVLink alone" in scaling_of(110_000_000, 131_072, 8, 0)


def test_the_page_holds_the_figures_of_the_code() -> None:
    page = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
    for parameters, flop, name in ((110_000_000, 0.548e9, "gbert-base"), (337_000_000, 1.885e9, "gbert-large")):
        rows = page[page.index(f"| {name} (") :].splitlines()
        for row, gpus in zip(rows, (8, 16, 32, 64), strict=False):
            shares = [
                step_of(parameters, flop, 65_536 * gpus, gpus, network).efficiency for network in NETWORKS.values()
            ]
            assert row.split(" | ", 1)[1].removesuffix(" |") == " | ".join([str(gpus), *(f"{s:.0%}" for s in shares)])
