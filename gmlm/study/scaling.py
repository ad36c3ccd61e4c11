"""How a training step's communication grows with the GPUs, from volumes that `make bench-scaling` has measured.

Gradients and gathered weights are fp32. A ring all-reduce of S bytes sends 2 (n-1)/n S from each of n GPUs; each ZeRO
stage here sends as much (docs/scaling.md). GPUs of a node reduce among themselves first, and only sums leave the node
(as NCCL's trees do), so the node's adapter carries 2 (m-1)/m S between m nodes. Latency is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BYTES = 4
"""Of a gradient or a weight on the wire."""
PASSES = 2
"""Times that each rank sends (n-1)/n of all parameters in a step, at every ZeRO stage."""
LARGE, LARGE_PASSES = 1_000_000_000, 3
"""Above so many parameters stage 3 gathers weights for the backward pass once more (`stage3_max_live_parameters`)."""
NODE = 8
"""GPUs of a node."""
NVLINK = 450e9
"""Bytes per second that a GPU of the H100/H200 kind sends to others of its node (900 GB/s both ways, by NVIDIA)."""
NETWORKS: Mapping[str, float] = {
    "25 Gb/s Ethernet": 25e9 / 8,
    "100 Gb/s InfiniBand": 100e9 / 8,
    "200 Gb/s InfiniBand": 200e9 / 8,
    "400 Gb/s InfiniBand": 400e9 / 8,
}
"""Bytes per second that a node sends by one adapter."""
COMPUTE = 0.4 * 989e12
"""Floating-point operations per second of one GPU: 40 % of an H200's dense bf16 peak."""
WANTED = 0.9
"""Share of a step that should be computing."""


@dataclass(frozen=True)
class Step:
    """One optimiser step on each GPU: seconds of computing, and seconds of sending."""

    computing: float
    sending: float

    @property
    def efficiency(self) -> float:
        """The share of the time that is computing if nothing is sent meanwhile: the least that can be expected."""
        return self.computing / (self.computing + self.sending)


def bytes_sent(parameters: int, ranks: int, stage: int = 0) -> float:
    """Bytes that each rank sends in a step of one micro-batch."""
    passes = LARGE_PASSES if stage == 3 and parameters > LARGE else PASSES
    return passes * (ranks - 1) / ranks * BYTES * parameters


def sending_seconds(parameters: int, gpus: int, network: float, stage: int = 0) -> float:
    """Seconds that the step's communication takes: within nodes, then between them over one adapter a node."""
    nodes = -(-gpus // NODE)
    within = bytes_sent(parameters, min(gpus, NODE), stage) / NVLINK
    return within + bytes_sent(parameters, nodes, stage) / network


def step_of(parameters: int, flop: float, tokens: float, gpus: int, network: float, stage: int = 0) -> Step:
    """A step of so many tokens on all GPUs together, at `flop` operations a token."""
    return Step(flop * tokens / gpus / COMPUTE, sending_seconds(parameters, gpus, network, stage))


def least_tokens(parameters: int, flop: float, gpus: int, network: float, stage: int = 0) -> float:
    """Tokens of a step on all GPUs together at which computing is the wanted share of it."""
    sending = sending_seconds(parameters, gpus, network, stage)
    return WANTED / (1 - WANTED) * sending * gpus * COMPUTE / flop


def scaling_of(parameters: int, batch_tokens: int, gpus: int, stage: int) -> str:
    """What `gmlm plan --gpus` says: bytes sent, efficiency by network, and the batch that would do."""
    flop = 6.0 * parameters
    sent = bytes_sent(parameters, gpus, stage)
    shares, wanted = [], []
    networks = NETWORKS if gpus > NODE else {"NVLink alone": NVLINK}
    for name, network in networks.items():
        share = step_of(parameters, flop, batch_tokens, gpus, network, stage).efficiency
        shares.append(f"{name}: {share:.0%}")
        wanted.append(f"{name}: {least_tokens(parameters, flop, gpus, network, stage):,.0f}")
    return (
        f"  each GPU sends {sent / 1e9:.2f} GB a step; computing takes, at 'batch_tokens' {batch_tokens:,}, at least "
        f"{'; '.join(shares)} of a step; {WANTED:.0%} needs tokens a step: {'; '.join(wanted)}"
    )
