"""One node of a study's graph: a stage applied to one named part of the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gmlm.config.base import Frozen


@dataclass(frozen=True)
class Node:
    """A stage with its configuration and where its inputs come from.

    Attributes:
        stage: Name of the stage, a key of `gmlm.study.registry.STAGES`.
        name: Name of the part.
        config: The part's configuration; the stage gets it as it is.
        inputs: Ids of the nodes that it reads, by role.
        seed: Seed of everything random in the stage.
        tolerant: Whether it runs without those inputs that failed (evaluation and report).
    """

    stage: str
    name: str
    config: Frozen
    seed: int
    inputs: Mapping[str, str] = field(default_factory=dict)
    tolerant: bool = False

    @property
    def id(self) -> str:
        """`STAGE/NAME`, unique in the study."""
        return f"{self.stage}/{self.name}"
