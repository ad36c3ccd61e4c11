"""The files that a task is read from; light, since the plan of a study asks for them too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from gmlm.config import TaskConfig
from gmlm.config.paths import resolve_path
from gmlm.errors import InputNotFoundError

SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "brat": (".ann",),
    "cas": (".xmi", ".json"),
    "conll": (".conll", ".tsv"),
    "ggponc": (".json",),
}
"""Files that a reader takes out of a folder, by reader; others take all."""


def task_files(config: TaskConfig, study_folder: Path) -> dict[str, list[Path]]:
    """The local files of each split, or those under `path`: a file, a folder, or a glob, sorted.

    Raises:
        InputNotFoundError: A folder or glob holds no such file.
    """
    named = {"path": config.path, "train": config.train, "dev": config.dev, "test": config.test}
    return {
        name: _expanded(resolve_path(path, study_folder), config.reader)
        for name, path in named.items()
        if path is not None
    }


def _expanded(path: Path, reader: str) -> list[Path]:
    if path.is_dir():
        suffixes = SUFFIXES.get(reader)
        found = [file for file in path.rglob("*") if file.is_file()]
        found = [file for file in found if suffixes is None or file.suffix.lower() in suffixes]
    elif any(sign in path.name for sign in "*?[") and not path.exists():
        found = [file for file in path.parent.glob(path.name) if file.is_file()]
    else:
        return [path]
    if not found:
        expected = f" of a kind that {reader!r} reads ({', '.join(SUFFIXES[reader])})" if reader in SUFFIXES else ""
        raise InputNotFoundError(f"no file{expected}", where=str(path), fix="correct the path in the study")
    return sorted(found)


def companions(config: TaskConfig, files: Iterable[Path]) -> list[Path]:
    """Further files that reading some files needs: a standoff annotation's text, a collection's documents."""
    if config.reader == "brat":
        return [text for file in files if (text := text_of_standoff(file)) is not None]
    if config.reader == "cas":
        return sorted({file for each in files if (file := type_system_of(each)) is not None})
    if config.reader == "ggponc":
        return sorted({table for file in files if (table := split_table_of(file)) is not None})
    if config.reader == "clef_nts":
        return sorted({found for file in files for found in [*annotation_files(file), *document_files(file)]})
    return []


def text_of_standoff(annotations: Path) -> Path | None:
    """The text of a brat file: beside it, or of its name in a neighbouring folder, as BRONCO150 keeps them."""
    beside = annotations.with_suffix(".txt")
    if beside.is_file():
        return beside
    return next(iter(sorted(annotations.parent.parent.glob(f"*/{beside.name}"))), None)


def type_system_of(cas: Path) -> Path | None:
    """The type system of an XMI file: of its own name, or `TypeSystem.xml` beside it or above; JSON holds its own."""
    if cas.suffix.lower() != ".xmi":
        return None
    names = (cas.with_suffix(".xml"), cas.parent / "TypeSystem.xml", cas.parent.parent / "TypeSystem.xml")
    return next((path for path in names if path.is_file()), None)


def split_table_of(annotations: Path) -> Path | None:
    """The `splits.csv` of GGPONC: in the folder `annotations`, in which `json/fine/long/all.json` lies."""
    return next((path for folder in annotations.parents[:4] if (path := folder / "splits.csv").is_file()), None)


def annotation_files(ids: Path) -> list[Path]:
    """The `anns_*.txt` beside a list of ids."""
    return sorted(ids.parent.glob("anns_*.txt"))


def document_files(ids: Path) -> list[Path]:
    """The documents of a list of ids: `ID.txt` in a folder `docs*` beside it."""
    # A list that is not UTF-8 names no document here; its reader says so.
    text = ids.read_text(encoding="utf-8-sig", errors="replace") if ids.is_file() else ""
    wanted = {f"{name}.txt" for name in text.split()}
    return sorted(file for file in ids.parent.glob("docs*/*.txt") if file.name in wanted)
