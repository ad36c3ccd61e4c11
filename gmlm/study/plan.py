"""What a study would do: each node's fingerprint, its place in the store, and whether it is finished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gmlm import __version__
from gmlm.config.optimisation import without_execution
from gmlm.manifest import MANIFEST_NAME, SCHEMA_VERSION, RawInput, fingerprint_of
from gmlm.storage import Store
from gmlm.study.graph import Graph
from gmlm.study.node import Node
from gmlm.study.raw_inputs import HashCache, raw_files
from gmlm.study.registry import STAGES


@dataclass(frozen=True)
class PlannedNode:
    """A node with its identity: equal fingerprints mean equal work.

    `progress` identifies the work whose unfinished state it may go on from: it differs from the fingerprint in leaving
    out how the work is spread over devices and kept.
    """

    node: Node
    fingerprint: str
    raw_inputs: tuple[RawInput, ...]
    progress: str = ""

    @property
    def prefix(self) -> str:
        """Folder of the store for the node's output."""
        return f"{self.node.stage}/{self.node.name}/{self.fingerprint[:12]}"

    def finished(self, store: Store) -> bool:
        """Whether the store holds the node's manifest."""
        return store.exists(f"{self.prefix}/{MANIFEST_NAME}")


@dataclass
class Plan:
    """The planned nodes of a study, by id, in the order in which they run."""

    graph: Graph
    nodes: dict[str, PlannedNode] = field(default_factory=dict)

    def replan(self, node_id: str, available: Iterable[str]) -> PlannedNode:
        """Plan a tolerant node again with only those inputs that are available."""
        node, have = self.graph[node_id], set(available)
        inputs = {role: source for role, source in node.inputs.items() if source in have}
        reduced = Node(node.stage, node.name, node.config, node.seed, inputs, node.tolerant)
        self.nodes[node_id] = identify(reduced, self.nodes, ())
        return self.nodes[node_id]

    def settle(self, node_id: str, store: Store) -> PlannedNode:
        """The node as it can run now: a tolerant one is planned again without those inputs that are not finished."""
        node = self.graph[node_id]
        if not node.tolerant:
            return self.nodes[node_id]
        sources = dict.fromkeys(node.inputs.values())
        return self.replan(node_id, [source for source in sources if self.settle(source, store).finished(store)])


def plan_study(graph: Graph, study_folder: Path) -> Plan:
    """Identify every node of a study; reads and hashes its raw inputs.

    Raises:
        InputNotFoundError: An input file does not exist.
    """
    plan, cache = Plan(graph), HashCache()
    for node in graph.values():
        files = raw_files(node, study_folder)
        plan.nodes[node.id] = identify(
            node, plan.nodes, tuple(cache.raw_input(name, file) for name, file in files.items())
        )
    cache.save()
    return plan


def identify(node: Node, planned: Mapping[str, PlannedNode], raw: tuple[RawInput, ...]) -> PlannedNode:
    """Give a node its fingerprint; `planned` holds the nodes that it reads."""
    parts = {
        "stage": node.stage,
        "name": node.name,
        "revision": STAGES[node.stage].revision,
        "version": __version__,
        "schema": SCHEMA_VERSION,
        "config": node.config.model_dump(mode="json"),
        "seed": node.seed,
        "inputs": {role: planned[source].fingerprint for role, source in node.inputs.items()},
        "raw": [(item.name, item.sha256) for item in raw],
    }
    progress = fingerprint_of({**parts, "config": without_execution(parts["config"])})
    return PlannedNode(node, fingerprint_of(parts), raw, progress)
