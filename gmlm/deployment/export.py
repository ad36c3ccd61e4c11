"""Copies a finished model out of the store: weights, tokenizer and card, each byte checked."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gmlm.deployment.card import CARD, exported_card
from gmlm.deployment.conditions import restrictions
from gmlm.deployment.hub import is_hub, push
from gmlm.errors import AccessDeniedError, AlreadyExistsError, ConfigError, DataFormatError, InputNotFoundError
from gmlm.manifest import Manifest, find_manifest
from gmlm.storage import Store, open_store
from gmlm.study.plan import Plan

FOLDER = "model/"
"""Where a model lies among the files of its node."""
CHECKSUMS = "SHA256SUMS"
"""Written last: an export without it is not finished. `sha256sum --check SHA256SUMS` checks the others."""
STAGES = ("pretrain", "checkpoint", "base-model")
"""Stages that make models."""


@dataclass(frozen=True)
class Exported:
    """What was exported.

    Attributes:
        node: Id of the model's node.
        target: Address of the folder that it lies in.
        files: sha256 (hex) by name, the card included.
        bytes: Bytes of all files.
        restricted: Why the model may not leave the house; nothing where it may.
        card: The model card, Markdown.
    """

    node: str
    target: str
    files: dict[str, str]
    bytes: int
    restricted: tuple[str, ...]
    card: str


def export_model(store: Store, plan: Plan, model: str, target: str, *, inside: bool = False) -> Exported:
    """Copy a finished model to a folder, `s3://bucket/prefix` or `hf://OWNER/NAME`; done again, it changes nothing.

    Args:
        store: The store of the study.
        plan: The plan of the study.
        model: Name of the model in the study, or id of its node, such as `base-model/gbert`.
        target: Folder, `s3://bucket/prefix` or, for the Hugging Face Hub, `hf://OWNER/NAME`, that holds nothing, or
            this export.
        inside: The caller declares that the target does not leave the house.

    Raises:
        InputNotFoundError: The study has no such model, or it is not finished.
        AccessDeniedError: The model may not leave the house, and `inside` is not declared; the Hub is never inside.
        AlreadyExistsError: The target holds something else.
        StorageError: A file is not what the manifest says.
    """
    made = _finished(store, plan, model)
    node = f"{made.stage}/{made.name}"
    reasons = restrictions(plan.graph, node)
    if reasons and (is_hub(target) or not inside):
        fix = "export to a folder or bucket inside the house, and say so: --inside"
        raise AccessDeniedError(f"may not leave the house: {'; '.join(reasons)}", where=node, fix=fix)
    sums = {entry.path.removeprefix(FOLDER): entry.sha256 for entry in made.files if entry.path.startswith(FOLDER)}
    _require_safetensors(sums, node)
    card = exported_card(store, plan, made, reasons)
    sums[CARD] = hashlib.sha256(card.encode()).hexdigest()
    address, size = _deliver(store, made, target, sums, card)
    return Exported(node, address, sums, size, tuple(reasons), card)


def _deliver(store: Store, made: Manifest, target: str, sums: dict[str, str], card: str) -> tuple[str, int]:
    """Bring the files to a target of any kind; its address, and their bytes."""
    if not is_hub(target):
        opened = open_store(target)
        return opened.uri, _copy(store, made, opened, sums, card)
    with tempfile.TemporaryDirectory(prefix="gmlm-export-") as folder:
        size = _copy(store, made, open_store(folder), sums, card)
        push(Path(folder), target, CHECKSUMS)
    return target, size


def _finished(store: Store, plan: Plan, model: str) -> Manifest:
    models = [node for node in plan.nodes.values() if node.node.stage in STAGES]
    for planned in models:
        if model in (planned.node.name, planned.node.id):
            if made := find_manifest(store, planned.prefix):
                return made
            raise InputNotFoundError("the model is not finished", where=planned.node.id, fix="run the study first")
    known = ", ".join(node.node.name for node in models) or "none"
    raise InputNotFoundError("the study makes no such model", where=model, fix=f"name one of: {known}")


def _require_safetensors(names: dict[str, str], node: str) -> None:
    if not any(name.endswith(".safetensors") for name in names):
        raise DataFormatError("no safetensors weights", where=node, fix="make the model again: --force")


def _copy(store: Store, made: Manifest, target: Store, sums: dict[str, str], card: str) -> int:
    checksums = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(sums.items())).encode()
    _require_free(target, checksums, set(sums))
    size = target.write(CARD, card.encode()).bytes
    with tempfile.TemporaryDirectory(prefix="gmlm-export-") as folder:
        for name in sorted(set(sums) - {CARD}):
            local = Path(folder) / "file"
            store.download(made.key(FOLDER + name), local, sha256=sums[name])
            target.upload(local, name)
            # Read back, so that what was checked is what lies there.
            target.download(name, local, sha256=sums[name])
            size += local.stat().st_size
    target.write(CHECKSUMS, checksums)
    return size


def _require_free(target: Store, checksums: bytes, names: set[str]) -> None:
    """Accept an empty target, this export, and one that was begun and not finished."""
    found = set(target.list())
    if CHECKSUMS in found:
        if target.read(CHECKSUMS) != checksums:
            raise AlreadyExistsError("another model is there", where=target.uri, fix="choose an empty target")
    elif found - names:
        raise ConfigError("holds other files", where=target.uri, fix="choose an empty target")
