"""What every stage is given: the store, its finished inputs, its place for output, and how to publish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gmlm import __version__
from gmlm.config.base import Frozen
from gmlm.errors import StorageError
from gmlm.manifest import FileEntry, InputManifest, Kind, Manifest, RawInput, publish_manifest
from gmlm.storage import Store
from gmlm.storage.files import sha256_of


@dataclass(frozen=True)
class StageRun:
    """One execution of a stage.

    Attributes:
        stage: Name of the stage, such as `ingest`.
        name: Name of the part of the study that it makes.
        store: Where inputs lie and output goes.
        prefix: Folder of the store for the output; holds the manifest when finished.
        scratch: Local folder for unfinished work; kept when the stage is interrupted, emptied when it is published.
        fingerprint: Identity of the work; written into checkpoints and manifest.
        seed: Seed of everything random in the stage.
        study_folder: Folder that relative input paths start at.
        inputs: Finished inputs by role.
        raw_inputs: Files from outside the store that the stage reads.
        progress: Identity of the work whose unfinished state it may go on from; the fingerprint if it is empty.
    """

    stage: str
    name: str
    store: Store
    prefix: str
    scratch: Path
    fingerprint: str
    seed: int
    study_folder: Path
    inputs: Mapping[str, Manifest]
    raw_inputs: tuple[RawInput, ...] = ()
    progress: str = ""

    @property
    def progress_prefix(self) -> str:
        """Folder of the store for the unfinished state of a training: without a shared disk too, all ranks see it."""
        return progress_prefix(self.stage, self.name, self.progress or self.fingerprint)

    def key(self, path: str) -> str:
        """Key in the store of an output file."""
        return f"{self.prefix}/{path}"

    def upload(self, local: Path, path: str, *, rows: int | None = None, tokens: int | None = None) -> FileEntry:
        """Put a local file among the outputs."""
        stored = self.store.upload(local, self.key(path))
        return FileEntry(path=path, bytes=stored.bytes, sha256=stored.sha256, rows=rows, tokens=tokens)

    def upload_folder(self, local: Path, path: str = "") -> list[FileEntry]:
        """Put all files of a local folder among the outputs, sorted by name."""
        files = sorted(file for file in local.rglob("*") if file.is_file())
        base = f"{path}/" if path else ""
        return [self.upload(file, base + file.relative_to(local).as_posix()) for file in files]

    def write(self, path: str, data: bytes, *, rows: int | None = None) -> FileEntry:
        """Put bytes among the outputs."""
        stored = self.store.write(self.key(path), data)
        return FileEntry(path=path, bytes=stored.bytes, sha256=stored.sha256, rows=rows)

    def local_folder(self, manifest: Manifest, path: str = "") -> Path:
        """A folder of a finished input as local files, checked: where it lies, or a copy in the scratch folder.

        Raises:
            StorageError: A file is not what was written.
        """
        folder = f"{manifest.prefix}/{path}".rstrip("/")
        local = self.store.local_path(folder)
        copy = self.scratch / "inputs" / folder if local is None else local
        for entry in manifest.files:
            if entry.path.startswith(path):
                target = copy / entry.path.removeprefix(path).lstrip("/")
                if local is None and not target.exists():
                    self.store.download(manifest.key(entry.path), target, sha256=entry.sha256)
                elif sha256_of(target) != entry.sha256:
                    fix = "restore it or run the stage again" if local else "remove the copy and run again"
                    raise StorageError("its sha256 is not the one recorded", where=str(target), fix=fix)
        return copy

    def publish(
        self,
        kind: Kind,
        config: Frozen,
        files: Sequence[FileEntry],
        *,
        counters: Mapping[str, int] | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> Manifest:
        """Write the manifest, last: from now on the output exists."""
        manifest = Manifest(
            kind=kind,
            stage=self.stage,
            name=self.name,
            fingerprint=self.fingerprint,
            code_version=__version__,
            config=config.model_dump(mode="json"),
            inputs=tuple(
                InputManifest(role=role, prefix=made.prefix, sha256=made.sha256) for role, made in self.inputs.items()
            ),
            raw_inputs=self.raw_inputs,
            files=tuple(files),
            counters=dict(counters or {}),
            metrics=dict(metrics or {}),
            prefix=self.prefix,
        )
        return publish_manifest(self.store, manifest)


def progress_prefix(stage: str, name: str, progress: str) -> str:
    """Folder of a store for unfinished state; like the scratch folder of a local store it is no output."""
    return f".scratch/progress/{stage}/{name}/{progress[:12]}"


class Stage(Protocol):
    """A stage: one function that the command line, the pipeline component and the test all call."""

    def __call__(self, config: Any, run: StageRun) -> Manifest:
        """Do the work described by `config`, resume what `run.scratch` holds, and publish."""
        ...
