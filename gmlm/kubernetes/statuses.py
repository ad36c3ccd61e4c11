"""What became of nodes that did not finish: one small file each in the store, gone as soon as the node finishes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from gmlm.errors import GmlmError
from gmlm.storage import Store


class NodeFailure(BaseModel):
    """Why a node failed. It holds no document's text: the messages of unexpected errors are left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    node: str
    fingerprint: str
    error: str
    """Class of the error."""
    message: str
    """What is wrong and what to do."""


def failure_of(node: str, fingerprint: str, error: BaseException) -> NodeFailure:
    """Describe an error: ours by its message, another one by its class alone."""
    message = str(error) if isinstance(error, GmlmError) else "unexpected error; see the log of the task's pod"
    return NodeFailure(node=node, fingerprint=fingerprint, error=type(error).__name__, message=message)


def write_failure(store: Store, study: str, failure: NodeFailure) -> None:
    """Record a failure at `status/STUDY/STAGE/NAME.json`."""
    store.write(_key(study, failure.node), failure.model_dump_json(indent=2).encode() + b"\n")


def find_failure(store: Store, study: str, node: str) -> NodeFailure | None:
    """The recorded failure of a node, or None."""
    key = _key(study, node)
    return NodeFailure.model_validate_json(store.read(key)) if store.exists(key) else None


def clear_failure(store: Store, study: str, node: str) -> None:
    """Forget a node's failure: it has finished."""
    if store.exists(_key(study, node)):
        store.delete(_key(study, node))


def list_failures(store: Store, study: str) -> list[NodeFailure]:
    """All recorded failures of a study, by node."""
    return [NodeFailure.model_validate_json(store.read(key)) for key in store.list(f"status/{study}")]


def _key(study: str, node: str) -> str:
    return f"status/{study}/{node}.json"
