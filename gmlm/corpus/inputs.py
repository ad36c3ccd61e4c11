"""Finds the raw files of a source. Imports nothing heavy: planning a study calls it."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from glob import glob, has_magic
from pathlib import Path, PurePosixPath

from gmlm.config.corpora import SourceConfig
from gmlm.config.paths import expand_variables, resolve_path
from gmlm.errors import AccessDeniedError, InputNotFoundError
from gmlm.storage import open_store

SUFFIXES: dict[str, tuple[str, ...]] = {
    "pubmed_xml": (".xml", ".xml.gz"),
    "jats": (".nxml", ".nxml.gz"),
    "mimic_csv": (".csv", ".csv.gz"),
    "csv": (".csv", ".csv.gz", ".tsv", ".tsv.gz"),
    "jsonl": (".jsonl", ".jsonl.gz"),
    "parquet": (".parquet",),
    "text": (".txt",),
    "dataset": ("",),
}
"""Endings of the files that a reader takes from a folder; a file or glob that is named may end in any way."""


def input_files(source: SourceConfig, study_folder: Path) -> list[Path]:
    """The raw files of a source, sorted: a file, all files of a folder with the reader's endings, or a glob.

    Objects under `s3://` are copied to a folder for temporary files first, once per process. The reader `dataset`
    may name a data set of the Hub, which has no files here.

    Raises:
        InputNotFoundError: The path does not exist or holds no file that the reader takes.
    """
    root = input_root(source, study_folder)
    path = input_path(source, study_folder)
    if has_magic(str(path)) and not path.exists():
        found = [Path(match) for match in glob(str(path), recursive=True)]
        files = [file for file in found if file.is_file()]
    elif path.is_dir():
        _check_readable(path)
        files = [file for file in root.rglob("*") if file.is_file() and file.name.endswith(SUFFIXES[source.reader])]
    elif path.is_file():
        files = [path]
    elif source.reader == "dataset" and "://" not in source.path:
        return []
    else:
        raise InputNotFoundError("no such file or folder", where=str(path), fix="correct the source's 'path'")
    if not files:
        endings = " or ".join(SUFFIXES[source.reader])
        fix = f"the reader {source.reader!r} takes files that end in {endings}; name files by a glob such as 'folder/*'"
        raise InputNotFoundError("holds no file to read", where=str(path), fix=fix)
    return sorted(files)


def input_root(source: SourceConfig, study_folder: Path) -> Path:
    """The folder that the names of the source's files start at, so that no name holds a path of this machine."""
    path = input_path(source, study_folder)
    if path.is_dir():
        return path
    if path.exists() or not has_magic(str(path)):
        return path.parent
    fixed = [part for part in _until_magic(path.parts)]
    return Path(*fixed)


def _until_magic(parts: tuple[str, ...]) -> list[str]:
    first = next(index for index, part in enumerate(parts) if has_magic(part))
    return list(parts[:first])


def input_path(source: SourceConfig, study_folder: Path) -> Path:
    """The source's path on this machine; it may be a glob, and need not exist."""
    path = expand_variables(source.path)
    return _copy_of(path) if path.startswith("s3://") else resolve_path(path, study_folder)


def _check_readable(folder: Path) -> None:
    if not os.access(folder, os.R_OK | os.X_OK):
        raise AccessDeniedError("access denied", where=str(folder), fix="check owner and mode of the folder")


@cache
def _copy_of(address: str) -> Path:
    """Copy an object, or all objects under a folder-like address or glob, and return the matching local path."""
    parts = PurePosixPath(address.removeprefix("s3://")).parts
    fixed = _until_magic(parts) if has_magic(address) else list(parts)
    target = Path(tempfile.mkdtemp(prefix="gmlm-input-"))
    folder = open_store(f"s3://{'/'.join(fixed)}")
    keys = list(folder.list())
    if not keys and len(fixed) > 1:
        fixed, parent = fixed[:-1], open_store(f"s3://{'/'.join(fixed[:-1])}")
        folder, keys = parent, [parts[-1]] if parent.exists(parts[-1]) else []
    if not keys:
        raise InputNotFoundError("no such object or prefix", where=address, fix="correct the source's 'path'")
    for key in keys:
        folder.download(key, target / key)
    return target / Path(*parts[len(fixed) :])
