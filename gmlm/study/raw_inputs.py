"""The files from outside the store that a node reads, and their sha256."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from gmlm.config import (
    BaseModelConfig,
    ImportConfig,
    ReferenceConfig,
    SourceConfig,
    TaskConfig,
    TranslateConfig,
    TranslatorConfig,
    TranslatorScoreConfig,
)
from gmlm.config.models import GENERATOR
from gmlm.config.paths import resolve_model, resolve_path
from gmlm.errors import InputNotFoundError
from gmlm.manifest import RawInput
from gmlm.storage.files import sha256_of
from gmlm.study.node import Node


def raw_files(node: Node, study_folder: Path) -> dict[str, Path]:
    """The input files of a node by the names that its output knows them by.

    Files of a source are named from the source's folder on, as the ids of their documents are; others by their name.

    Raises:
        InputNotFoundError: One of them does not exist.
    """
    files = list(_files_of(node.config, study_folder))
    finders = _deidentification_files(node.config, study_folder)
    for file in (*files, *finders.values()):
        if not file.is_file():
            raise InputNotFoundError("no such file", where=f"{node.id}: {file}", fix="correct the path in the study")
    if isinstance(node.config, SourceConfig):
        from gmlm.corpus.inputs import input_root

        root = input_root(node.config, study_folder)
        return {file.relative_to(root).as_posix(): file for file in files} | finders
    # By name, with the folder's where another file of the node is called alike.
    alike = Counter(file.name for file in files)
    return {file.name if alike[file.name] == 1 else f"{file.parent.name}/{file.name}": file for file in files}


def _files_of(config: object, study_folder: Path) -> Iterable[Path]:
    if isinstance(config, SourceConfig):
        from gmlm.corpus.inputs import input_files

        return input_files(config, study_folder)
    if isinstance(config, TaskConfig):
        from gmlm.finetuning.files import companions, task_files

        files = [file for group in task_files(config, study_folder).values() for file in group]
        return dict.fromkeys([*files, *companions(config, files)])
    if isinstance(config, ImportConfig):
        return [resolve_path(config.path, study_folder)]
    if isinstance(config, TranslatorConfig):
        return _translator_files(config, study_folder)
    if isinstance(config, BaseModelConfig):
        return _model_files(config.model or "", study_folder)
    if isinstance(config, TranslateConfig) and (quality := config.translation.quality) and quality.estimator:
        return _folder_files(resolve_path(quality.estimator, study_folder), "quality: {estimator: ...}")
    if isinstance(config, TranslatorScoreConfig):
        return _reference_files(config.reference, study_folder)
    return []


def _translator_files(config: TranslatorConfig, study_folder: Path) -> list[Path]:
    files = [resolve_path(config.train.parallel, study_folder)] if config.train is not None else []
    if config.model is not None:
        files += _model_files(config.model, study_folder)
    if config.shortlist is not None and config.shortlist.parallel is not None:
        files.append(resolve_path(config.shortlist.parallel, study_folder))
    return list(dict.fromkeys(files))


def _deidentification_files(config: object, study_folder: Path) -> dict[str, Path]:
    """The files of the model that finds identifiers in a source: other weights replace other stretches of its text."""
    if not isinstance(config, SourceConfig) or config.deidentification is None or not config.deidentification.model:
        return {}
    files = _folder_files(resolve_path(config.deidentification.model, study_folder), "deidentification: {model: ...}")
    return {f"deidentification/{file.name}": file for file in files}


def _folder_files(folder: Path, key: str) -> list[Path]:
    """The files of a folder that must be local."""
    if not folder.is_dir():
        raise InputNotFoundError("no such folder", where=str(folder), fix=f"correct '{key}' in the study")
    return sorted(path for path in folder.iterdir() if path.is_file())


def _model_files(model: str, study_folder: Path) -> list[Path]:
    if (folder := resolve_model(model, study_folder)) is None:
        return []
    parts = [part for part in (folder, folder / GENERATOR) if part.is_dir()]
    return sorted(path for part in parts for path in part.iterdir() if path.is_file())


def _reference_files(reference: ReferenceConfig, study_folder: Path) -> list[Path]:
    names = (reference.source, reference.target)
    return [resolve_path(name, study_folder) for name in names if name is not None]


class HashCache:
    """Remembers the sha256 of files by path, size and modification time, so large inputs are read once."""

    def __init__(self, path: Path | None = None) -> None:
        cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
        self._path = path or cache / "gmlm" / "hashes.json"
        self._known: dict[str, str] = self._read()

    def _read(self) -> dict[str, str]:
        try:
            known = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def raw_input(self, name: str, file: Path) -> RawInput:
        """Size and sha256 of a file that is known by a name."""
        status = file.stat()
        identity = f"{file.absolute()}|{status.st_size}|{status.st_mtime_ns}"
        if identity not in self._known:
            self._known[identity] = sha256_of(file)
        return RawInput(name=name, bytes=status.st_size, sha256=self._known[identity])

    def save(self) -> None:
        """Keep what was learnt; a cache that cannot be written is no error."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps(self._known))
            temporary.replace(self._path)
        except OSError:
            return
