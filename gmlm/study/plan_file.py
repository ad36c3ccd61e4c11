"""Keeps plans in the store, so that another machine runs one node of a study without hashing its inputs again."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gmlm import __version__
from gmlm.config import StudyConfig
from gmlm.errors import ConfigError, StorageError
from gmlm.manifest import RawInput
from gmlm.storage import Store
from gmlm.study.graph import build_graph
from gmlm.study.plan import Plan, PlannedNode, identify


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlannedNodeEntry(_Closed):
    """A node of a plan file; what it reads and what it is called by is there for readers, the rest for the runner."""

    stage: str
    name: str
    fingerprint: str
    inputs: dict[str, str]
    raw_inputs: tuple[RawInput, ...]


class PlanFile(_Closed):
    """A plan as stored: the study and its nodes in running order. The order of keys is part of it."""

    schema_version: int = 1
    code_version: str = __version__
    study: dict[str, Any]
    nodes: tuple[PlannedNodeEntry, ...]

    def to_bytes(self) -> bytes:
        """JSON; keys are not sorted, as the order of a study's parts is the order in which its nodes run."""
        return (json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n").encode()


def write_study(store: Store, study: StudyConfig) -> str:
    """Put the resolved study beside its outputs, and return its key."""
    key = f"studies/{study.name}.json"
    dump = json.dumps(study.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False)
    store.write(key, dump.encode())
    return key


def write_plan(store: Store, study: StudyConfig, plan: Plan) -> str:
    """Put a plan into the store as `plans/STUDY/HASH.json`, and return that key. Equal plans have equal keys."""
    file = PlanFile(study=study.model_dump(mode="json"), nodes=tuple(map(_entry, plan.nodes.values())))
    data = file.to_bytes()
    key = f"plans/{study.name}/{hashlib.sha256(data).hexdigest()[:12]}.json"
    store.write(key, data)
    return key


def _entry(planned: PlannedNode) -> PlannedNodeEntry:
    node = planned.node
    return PlannedNodeEntry(
        stage=node.stage,
        name=node.name,
        fingerprint=planned.fingerprint,
        inputs=dict(node.inputs),
        raw_inputs=planned.raw_inputs,
    )


def read_plan(store: Store, key: str) -> Plan:
    """Read a plan, and check that this version of the code would have made it.

    Raises:
        InputNotFoundError: There is no such plan.
        StorageError: It is damaged.
        ConfigError: Another version made it; its nodes would be other work here.
    """
    try:
        file = PlanFile.model_validate_json(store.read(key))
        study = StudyConfig.model_validate(file.study)
    except ValidationError:
        raise StorageError("damaged plan, or one of another version", where=key, fix="plan the study again") from None
    plan, entries = Plan(build_graph(study)), {f"{entry.stage}/{entry.name}": entry for entry in file.nodes}
    for node in plan.graph.values():
        entry = entries.get(node.id)
        raw_inputs = entry.raw_inputs if entry else ()
        plan.nodes[node.id] = identify(node, plan.nodes, raw_inputs)
        if entry is None or entry.fingerprint != plan.nodes[node.id].fingerprint:
            versions = f"it was made by {file.code_version}, this is {__version__}"
            raise ConfigError(f"{node.id} is other work here: {versions}", where=key, fix="use one image for all tasks")
    return plan
