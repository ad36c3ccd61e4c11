"""This process among the others: rank and world size as torchrun sets them, and its device."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist

from gmlm.ranks import local_rank

Value = TypeVar("Value")


@dataclass(frozen=True)
class World:
    """The processes that train together."""

    rank: int
    size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process reports and writes shared files."""
        return self.rank == 0

    @property
    def local_rank(self) -> int:
        """The rank of this process among those of its node."""
        return local_rank()

    @property
    def is_first_of_node(self) -> bool:
        """Whether this process does what needs doing once on each node."""
        return self.local_rank == 0

    def sum(self, value: float) -> float:
        """The sum of one figure over all ranks."""
        return self.sums(value)[0]

    def sums(self, *values: float) -> list[float]:
        """The sums of several figures over all ranks, at the price of one."""
        if self.size == 1:
            return list(values)
        totals = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(totals)
        return [float(total) for total in totals]

    def any(self, *flags: bool) -> list[bool]:
        """For each flag whether it is set on at least one rank."""
        return [total > 0 for total in self.sums(*map(float, flags))]

    def gather(self, value: Value) -> list[Value]:
        """The values of all ranks, in their order."""
        everyone = [value] * self.size
        if self.size > 1:
            dist.all_gather_object(everyone, value)
        return everyone

    def barrier(self) -> None:
        """Wait for all ranks."""
        if self.size > 1:
            dist.barrier()


def join_world() -> World:
    """Read torchrun's environment and join its process group (NCCL on GPUs, else gloo); alone without torchrun."""
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", local_rank())
        torch.cuda.set_device(device)
    if size > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", rank=rank, world_size=size)
    return World(rank, size, device)
