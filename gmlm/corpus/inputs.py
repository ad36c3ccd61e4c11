"""Finds the raw files of a source. Imports nothing heavy: planning a study calls it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from fnmatch import fnmatchcase
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

    Objects under `s3://` are copied to a temporary folder first, which is removed when the process ends. The reader
    `dataset` may name a data set of the Hub, which has no files here.

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
    return Path(*_until_magic(path.parts))


def _until_magic(parts: tuple[str, ...]) -> list[str]:
    first = next(index for index, part in enumerate(parts) if has_magic(part))
    return list(parts[:first])


def input_path(source: SourceConfig, study_folder: Path) -> Path:
    """The source's path on this machine; it may be a glob, and need not exist."""
    path = expand_variables(source.path)
    if path.startswith("s3://"):
        return _copy_of(path, SUFFIXES[source.reader])
    return resolve_path(path, study_folder)


def _check_readable(folder: Path) -> None:
    if not os.access(folder, os.R_OK | os.X_OK):
        raise AccessDeniedError("access denied", where=str(folder), fix="check owner and mode of the folder")


@cache
def _copy_of(address: str, endings: tuple[str, ...]) -> Path:
    """Copy an object, or those under a prefix or glob that may be wanted; return the path that the address becomes."""
    fixed, rest = _split(address.removeprefix("s3://"))
    target = Path(tempfile.mkdtemp(prefix="gmlm-input-"))
    atexit.register(shutil.rmtree, target, ignore_errors=True)
    store = open_store(f"s3://{fixed}")
    if rest:
        # `*` of fnmatch crosses folders, so this takes all that the glob will match in the copy, and perhaps more.
        keys = [key for key in store.list() if fnmatchcase(key, rest.replace("**/", "*"))]
    else:
        keys = [key for key in store.list() if key.endswith(endings)]
    if not keys and not rest:
        folder, _, rest = fixed.rpartition("/")
        store = open_store(f"s3://{folder}")
        keys = [rest] if store.exists(rest) else []
    if not keys:
        raise InputNotFoundError("no such object or prefix", where=address, fix="correct the source's 'path'")
    for key in keys:
        store.download(key, target / key)
    return target / rest


def _split(path: str) -> tuple[str, str]:
    """The part of a path before its first name with a wildcard, and the part from there on."""
    parts = PurePosixPath(path).parts
    fixed = _until_magic(parts) if has_magic(path) else list(parts)
    return "/".join(fixed), "/".join(parts[len(fixed) :])
