"""Fixtures of the corpus stages: sources written to a folder, documents read back."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gmlm.config import SourceConfig
from gmlm.corpus.ingest import ingest
from gmlm.corpus.readers import READERS, BadRecord, InputFile, Record
from gmlm.manifest import FileEntry, Manifest
from gmlm.shards import Document, read_documents, write_documents


@pytest.fixture
def write_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a raw file, packed where its name ends in .gz: write_file("a.csv", "text")."""

    def write(name: str, content: str | bytes, *, encoding: str = "utf-8") -> Path:
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode(encoding) if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        return path

    return write


@pytest.fixture
def read_all() -> Callable[..., list[Record | BadRecord]]:
    """All records of one file: read_all(path, reader="csv", ...)."""

    def read(path: Path, **config: Any) -> list[Record | BadRecord]:
        source = SourceConfig(path=str(path), **config)
        return list(READERS[source.reader](InputFile(path, path.name), source))

    return read


@pytest.fixture
def run_ingest(make_run: Callable[..., Any]) -> Callable[..., tuple[Manifest, list[Document]]]:
    """Ingest a source: run_ingest(path, reader="csv", ...) gives the manifest and the documents."""

    def run(path: Path | str, name: str = "source", **config: Any) -> tuple[Manifest, list[Document]]:
        stage_run = make_run("ingest", name)
        manifest = ingest(SourceConfig(path=str(path), **config), stage_run)
        return manifest, list(read_documents(stage_run.store, manifest))

    return run


@pytest.fixture
def make_documents(make_run: Callable[..., Any]) -> Callable[..., Manifest]:
    """Publish texts as an ingested source: make_documents("notes", ["text", ...])."""

    def make(name: str, texts: Iterable[str]) -> Manifest:
        texts = list(texts)
        run = make_run("ingest", name, fingerprint=sha256(repr(texts).encode()).hexdigest())
        documents = [Document(f"d{number}", name, "de", text) for number, text in enumerate(texts)]
        entries = write_documents(run, iter(documents))
        config = SourceConfig(reader="text", path=name)
        return run.publish("documents", config, entries, counters={"in": len(documents), "out": len(documents)})

    return make


@pytest.fixture
def make_task(make_run: Callable[..., Any]) -> Callable[..., Manifest]:
    """Publish a task with splits: make_task("ner", dev=[{"text": ...}], test=[...])."""

    def make(name: str, **splits: list[dict[str, Any]]) -> Manifest:
        run = make_run("task", name)
        entries: list[FileEntry] = []
        for split, records in splits.items():
            lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
            entries.append(run.write(f"{split}.jsonl", lines.encode(), rows=len(records)))
        return run.publish("task", SourceConfig(reader="text", path=name), entries)

    return make
