"""Where checkpoints lie: in a folder that all ranks share, or in a remote store, such as S3, that needs no such folder.

In a folder a checkpoint is written aside and renamed. In a remote store each rank uploads its files, and `state.json`,
which lists all files with their sha256 and ends with its own, is written last. Either way there is a whole checkpoint
or none.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gmlm.storage import Store
from gmlm.storage.files import flush, publish, sha256_of
from gmlm.storage.local import LocalStore
from gmlm.training.distributed import World

STATE = "state.json"
PARTIAL = ".partial"
SEAL = "sha256"
"""Key of the state's own hash: the sha256 (hex) of the JSON without it."""
Writers = Mapping[str, Callable[[Path], object]]
"""For each file of a checkpoint what writes it."""
Sums = dict[str, str]
"""sha256 (hex) by file."""


@dataclass(frozen=True)
class CheckpointPlace:
    """A folder of a store.

    Attributes:
        store: Where checkpoints lie.
        prefix: Folder in it; empty for the whole store.
        scratch: Folder of this machine for what is on its way to or from a remote store.
    """

    store: Store
    prefix: str
    scratch: Path

    @classmethod
    def folder(cls, folder: Path) -> CheckpointPlace:
        """A folder of this machine, or one that all machines share."""
        return cls(LocalStore(folder), "", folder)

    @property
    def shared(self) -> Path | None:
        """The folder, if it is one."""
        return self.store.local_path(self.prefix)

    def whole(self) -> list[str]:
        """Names of the whole checkpoints, oldest first."""
        return sorted(path.split("/")[0] for path in self._paths() if path.endswith(f"/{STATE}"))

    def read_state(self, name: str) -> dict[str, Any]:
        """The state of a checkpoint.

        Raises:
            ValueError: It is not what was written.
        """
        text = self.store.read(self._key(f"{name}/{STATE}"))
        state: dict[str, Any] = json.loads(text)
        state.pop(SEAL, None)
        if sealed(state) != text:
            raise ValueError
        return state

    def address(self, name: str) -> str:
        """Where a checkpoint lies, for messages."""
        return f"{self.store.uri}/{self._key(name)}"

    def prepare(self, world: World) -> None:
        """Make room for a new checkpoint; called on every rank."""
        if self.shared is None or world.is_main:
            shutil.rmtree(self._partial(world), ignore_errors=True)
            self._partial(world).mkdir(parents=True)
        world.barrier()

    def write(self, name: str, writers: Writers, world: World) -> Sums:
        """Write this rank's files; they are not yet a checkpoint."""
        partial, sums = self._partial(world), {}
        for path, writer in writers.items():
            file = partial / path
            file.parent.mkdir(parents=True, exist_ok=True)
            writer(file)
            if self.shared is None:
                sums[path] = self.store.upload(file, self._key(f"{name}/{path}")).sha256
                file.unlink()
            else:
                flush(file)
                sums[path] = sha256_of(file)
        return sums

    def complete(self, name: str, state: Mapping[str, Any], world: World) -> None:
        """Make what all ranks have written a checkpoint; called on rank 0."""
        text = sealed(state)
        if (folder := self.shared) is None:
            self.store.write(self._key(f"{name}/{STATE}"), text)
            return
        partial, target = self._partial(world), folder / name
        (partial / STATE).write_bytes(text)
        for path in (partial / STATE, partial, *filter(Path.is_dir, partial.rglob("*"))):  # each rank has its files
            flush(path)
        shutil.rmtree(target, ignore_errors=True)
        publish(partial, target)

    def remove_all_but(self, kept: set[str]) -> None:
        """Remove other checkpoints, and what interrupted writing has left; `state.json` goes first."""
        lost = [path for path in self._paths() if path.split("/")[0] not in kept]
        for path in sorted(lost, key=lambda path: not path.endswith(STATE)):
            self.store.delete(self._key(path))
        if self.shared is not None:
            for name in {path.split("/")[0] for path in lost}:
                shutil.rmtree(self.shared / name)

    @contextmanager
    def fetched(self, name: str, sums: Sums, world: World) -> Iterator[Path]:
        """A folder with the checkpoint's files, checked: where they lie, or a copy on each node while the block runs.

        Raises:
            ValueError: A file of the folder is not what was written.
            StorageError: A file of the remote store is not, or cannot be had.
        """
        if self.shared is not None:
            _check(self.shared / name, sums)
            yield self.shared / name
            return
        copy = self.scratch / "resume" / name
        if world.is_first_of_node:
            for path, sha256 in sums.items():
                self.store.download(self._key(f"{name}/{path}"), copy / path, sha256=sha256)
        world.barrier()
        yield copy
        world.barrier()
        if world.is_first_of_node:
            shutil.rmtree(copy)

    def _partial(self, world: World) -> Path:
        return self.scratch / f"{PARTIAL}-{world.rank}" if self.shared is None else self.shared / PARTIAL

    def _paths(self) -> list[str]:
        """Paths of all files of checkpoints, whole or not."""
        start = f"{self.prefix}/" if self.prefix else ""
        paths = [key.removeprefix(start) for key in self.store.list(self.prefix)]
        return [path for path in paths if path.startswith("step-")]

    def _key(self, path: str) -> str:
        return f"{self.prefix}/{path}" if self.prefix else path


def sealed(state: Mapping[str, Any]) -> bytes:
    """A state as JSON that ends with the sha256 of what is before."""
    return json.dumps({**state, SEAL: hashlib.sha256(json.dumps(state).encode()).hexdigest()}).encode()


def _check(folder: Path, sums: Sums) -> None:
    for path, expected in sums.items():
        if sha256_of(folder / path) != expected:
            raise ValueError
