"""Whether a model may leave the house: what of its making forbids it."""

from __future__ import annotations

from collections.abc import Iterator

from gmlm.study.graph import Graph
from gmlm.study.node import Node


def restrictions(graph: Graph, node_id: str) -> list[str]:
    """Why a node's output may not leave the house, one reason a line; nothing where it may.

    A model trained on personal texts is not anonymous by default (EDPB, Opinion 28/2024), nor is what was translated
    from them; and a model that was taught canaries for an audit knows sentences that nobody wrote.
    """
    return sorted(reason for node in _ancestors(graph, node_id) for reason in _reasons(node))


def _ancestors(graph: Graph, node_id: str) -> Iterator[Node]:
    """The node and all that it was made from, each once."""
    waiting, seen = [node_id], set()
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += graph[current].inputs.values()
            yield graph[current]


def _reasons(node: Node) -> Iterator[str]:
    if getattr(node.config, "restricted", False):
        yield f"{node.id} is restricted"
    if getattr(node.config, "canaries", None) is not None:
        yield f"{node.id} holds canaries"
