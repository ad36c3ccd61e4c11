"""Which nodes of a study a command means."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from gmlm.errors import ConfigError
from gmlm.study.graph import Graph
from gmlm.study.registry import COMMANDS, STAGES


@dataclass(frozen=True)
class Selection:
    """Nodes to run: all, one stage (`only`), or one stage and all that needs it (`start`)."""

    only: str | None = None
    start: str | None = None
    name: str | None = None
    """With `only`: just the part of this name."""
    force: bool = False
    """Make the selected nodes again although they are finished."""

    def nodes(self, graph: Graph) -> list[str]:
        """Ids of the selected nodes, in running order.

        Raises:
            ConfigError: There is no such stage or node.
        """
        if self.only is not None:
            return self._named(graph, matching(graph, self.only))
        if self.start is None:
            return list(graph)
        selected = set(matching(graph, self.start))
        for node in graph.values():
            if selected & set(node.inputs.values()):
                selected.add(node.id)
        return [node_id for node_id in graph if node_id in selected]

    def _named(self, graph: Graph, found: list[str]) -> list[str]:
        if self.name is None:
            return found
        named = [node_id for node_id in found if graph[node_id].name == self.name]
        if not named:
            parts = sorted({graph[node_id].name for node_id in found})
            raise ConfigError(f"no part is named {self.name!r}", where=self.only, fix=f"parts: {', '.join(parts)}")
        return named


def matching(graph: Graph, name: str) -> list[str]:
    """Nodes that a stage (`pretrain`), a command (`build-corpus`) or a node id (`pretrain/base`) names."""
    if name in graph:
        return [name]
    by_command = [node.id for node in graph.values() if STAGES[node.stage].command == name]
    found = by_command or [node.id for node in graph.values() if node.stage == name]
    if not found and name not in STAGES and name not in COMMANDS:
        known = [*COMMANDS, *STAGES, *graph]
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"stages: {', '.join(STAGES)}"
        raise ConfigError(f"unknown stage {name!r}", fix=hint)
    return found
