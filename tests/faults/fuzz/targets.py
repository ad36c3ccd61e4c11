"""What is fuzzed: functions that take any bytes, and either accept them or raise an error of ours that names the place.

Each comes with a sound input, from which damaged ones are made. A reader's yield must be writable as our own output.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cassis
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from gmlm.config import SourceConfig, TaskConfig
from gmlm.config.load import load_study
from gmlm.corpus.readers import READERS as SOURCE_READERS
from gmlm.corpus.readers import BadRecord, Deletion, InputFile, Record
from gmlm.errors import GmlmError
from gmlm.evaluation.predictions import read_file
from gmlm.finetuning.examples import Example, SpanDocument, from_json_lines, to_json_lines
from gmlm.finetuning.intake import Intake
from gmlm.finetuning.readers import READERS as TASK_READERS
from gmlm.lineage import lineage
from gmlm.manifest import Manifest, read_manifest
from gmlm.shards import Quarantine
from gmlm.storage.files import explained
from gmlm.storage.local import LocalStore
from gmlm.study.plan_file import read_plan
from gmlm.translation.parallel import read_training_pairs

Target = Callable[[bytes], None]
FOLDER = Path(tempfile.mkdtemp(prefix="gmlm-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


class _Run:
    """As much of a StageRun as a quarantine asks for."""

    stage = "fuzz"
    scratch = FOLDER


def refused_or_read(read: Callable[[], None]) -> None:
    """Read; an error of ours must say where and what to do."""
    try:
        read()
    except GmlmError as error:
        if not (error.where and error.fix):
            raise AssertionError("an error without place or cure") from error


def source(reader: str, name: str, **fields: Any) -> Target:
    """A reader of a corpus on a file of a name."""
    config, path = SourceConfig(reader=reader, path=name, **fields), FOLDER / f"source-{reader}-{name}"

    def target(data: bytes) -> None:
        path.write_bytes(data)
        file = InputFile(path, name)

        def read() -> None:
            with explained(str(path)), file.whole_file_faults(config.encoding):
                for record in SOURCE_READERS[reader](file, config):
                    assert isinstance(record, Record | BadRecord | Deletion)

        refused_or_read(read)

    return target


def _as_kept(example: Example) -> Example:
    """An example as a split holds it: without the document that it was a part of."""
    return replace(example, document=None) if isinstance(example, SpanDocument) else example


def task(kind: str, reader: str, name: str, beside: dict[str, bytes] | None = None, **fields: Any) -> Target:
    """A reader of a task on a file of a name, with other files beside it."""
    config = TaskConfig(kind=kind, reader=reader, path=name, **fields)
    folder = FOLDER / f"task-{reader}-{name}"
    folder.mkdir(exist_ok=True)
    for other, content in (beside or {}).items():
        (folder / other).parent.mkdir(exist_ok=True)
        (folder / other).write_bytes(content)

    def target(data: bytes) -> None:
        (folder / name).write_bytes(data)
        quarantine = Quarantine(_Run())  # type: ignore[arg-type]
        asked = folder / (f"{Path(name).stem}.ann" if reader == "brat" else name)

        def read() -> None:
            read_examples = TASK_READERS[reader](asked, config, Intake(name, quarantine))
            examples = [_as_kept(example) for example in read_examples]
            assert from_json_lines(to_json_lines(examples), config) == examples

        refused_or_read(read)

    return target


def study(data: bytes) -> None:
    """A study file."""
    (FOLDER / "study.yaml").write_bytes(data)
    refused_or_read(lambda: load_study(FOLDER / "study.yaml") and None)


def _stored(name: str, read: Callable[[LocalStore], object]) -> Target:
    store = LocalStore(FOLDER / f"store-{name}")

    def target(data: bytes) -> None:
        path = FOLDER / f"store-{name}" / "stage/name/0123" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        refused_or_read(lambda: read(store) and None)

    return target


def predictions(kind: str, name: str) -> Target:
    """Another system's predictions."""
    config = TaskConfig(kind=kind, reader="squad" if kind == "question_answering" else "labels_jsonl", path="x")

    def target(data: bytes) -> None:
        (FOLDER / name).write_bytes(data)
        refused_or_read(lambda: read_file(FOLDER / name, config) and None)

    return target


def parallel(data: bytes) -> None:
    """Parallel text that a translator is trained on."""
    (FOLDER / "parallel.jsonl").write_bytes(data)
    refused_or_read(
        lambda: list(read_training_pairs(FOLDER / "parallel.jsonl", Quarantine(_Run()))) and None  # type: ignore[arg-type]
    )


def _cas() -> tuple[bytes, bytes, bytes]:
    types = cassis.TypeSystem()
    named = types.create_type("custom.NamedEntity")
    types.create_feature(named, "value", "uima.cas.String")
    cas = cassis.Cas(types)
    cas.sofa_string, cas.sofa_mime = "Größe 4 cm", "text/plain"
    cas.add(named(begin=0, end=5, value="SIZE"))
    return cas.to_xmi().encode(), cas.to_json().encode(), types.to_xml().encode()


XMI, CAS_JSON, TYPES = _cas()
PUBMED = (
    b'<?xml version="1.0"?><!DOCTYPE PubmedArticleSet SYSTEM "x.dtd" [<!ENTITY e "f">]><PubmedArticleSet>'
    b"<PubmedArticle><MedlineCitation><PMID>1</PMID><Article><ArticleTitle>T</ArticleTitle><Abstract><AbstractText "
    b"Label='A'>Some &e; <i>text</i></AbstractText></Abstract></Article></MedlineCitation></PubmedArticle>"
    b"<DeleteCitation><PMID>7</PMID></DeleteCitation></PubmedArticleSet>"
)
JATS = (
    b"<article><front><article-meta><article-id pub-id-type='pmc'>1</article-id><title-group><article-title>T"
    b"</article-title></title-group></article-meta></front><body><sec><title>H</title><p>Text <xref ref-type='bibr'>[1]"
    b"</xref>.</p></sec></body></article>"
)
CSV = 'id,text\n1,"a ""b""\nc"\n2,Größe\n'.encode()
JSONL = '{"id": 1, "text": "Größe \\u00e4"}\n{"id": 2, "text": ["a", {"text": "b"}]}\n'.encode()
_TABLE = io.BytesIO()
pq.write_table(pa.table({"id": ["1", "2"], "text": ["a", "b"]}), _TABLE)
SPANS = b'{"id": "a", "text": "Frau Albers", "spans": [{"start": 5, "end": 11, "label": "NAME"}, [0, 4, "T"]]}\n'
SQUAD = json.dumps(
    {
        "data": [
            {
                "title": "t",
                "paragraphs": [
                    {
                        "context": "Größe 4 cm",
                        "qas": [{"id": 1, "question": "?", "answers": [{"text": "4", "answer_start": 6}]}],
                    }
                ],
            }
        ]
    }
).encode()
STUDY = yaml.safe_dump(
    {
        "name": "s",
        "sources": {"a": {"reader": "csv", "path": "a.csv", "language": "de"}},
        "recipes": {"r": {"sources": {"a": {}}}},
        "models": {"m": {"base": "x/y", "phases": [{"corpus": "r", "steps": 1}]}},
    }
).encode()
MANIFEST = Manifest(
    kind="documents", stage="ingest", name="a", fingerprint="f" * 64, code_version="0", config={"a": [1]}, counters={}
).to_bytes()
BRAT = b"T1\tNAME 5 11\tAlbers\nR1\tx\nT2\tT 0 4;5 11\tFrau Albers\n"

TARGETS: dict[str, tuple[Target, bytes]] = {
    "pubmed_xml": (source("pubmed_xml", "a.xml"), PUBMED),
    "jats": (source("jats", "a.nxml"), JATS),
    "csv": (source("csv", "a.csv", id_field="id"), CSV),
    "mimic_csv": (source("mimic_csv", "a.csv"), b'note_id,note_type,text\n1,DS,"a\nb"\n2,RR,c\n'),
    "jsonl": (source("jsonl", "a.jsonl", id_field="id"), JSONL),
    "json": (source("jsonl", "a.json", id_field="id"), b'[{"id": 1, "text": "a"}]'),
    "text": (source("text", "a.txt"), "Größe\r\nund".encode()),
    "parquet": (source("parquet", "a.parquet", id_field="id"), _TABLE.getvalue()),
    "spans_jsonl": (task("token_classification", "spans_jsonl", "a.jsonl"), SPANS),
    "conll": (
        task("token_classification", "conll", "a.conll", label_column=1),
        b"Frau\tB-T\nAlbers\tI-T\n\n# x\n.\tO\n",
    ),
    "brat": (task("token_classification", "brat", "a.ann", {"a.txt": b"Frau Albers geht."}), BRAT),
    "brat_text": (task("token_classification", "brat", "a.txt", {"a.ann": BRAT}, unit="line"), b"Frau Albers geht.\nX"),
    "cas_xmi": (task("token_classification", "cas", "a.xmi", {"TypeSystem.xml": TYPES}), XMI),
    "cas_json": (task("token_classification", "cas", "a.json"), CAS_JSON),
    "labels_jsonl": (task("multi_label", "labels_jsonl", "a.jsonl"), b'{"id": 1, "text": "a", "labels": ["X", "Y"]}\n'),
    "clef_nts": (
        task("multi_label", "clef_nts", "ids.txt", {"anns_test.txt": b"7\tI|II\n", "docs/7.txt": b"Text"}),
        b"7\n8\n",
    ),
    "squad": (task("question_answering", "squad", "a.json"), SQUAD),
    "predictions_jsonl": (predictions("multi_label", "p.jsonl"), b'{"id": "a", "predicted": ["X"]}\n'),
    "predictions_tsv": (predictions("multi_label", "p.tsv"), b"7\tI|II\n"),
    "predictions_squad": (predictions("question_answering", "p.json"), b'{"a": "b"}'),
    "parallel": (parallel, b'{"en": "a", "de": "b"}\n'),
    "study": (study, STUDY),
    "manifest": (_stored("manifest.json", lambda store: read_manifest(store, "stage/name/0123")), MANIFEST),
    "lineage": (_stored("manifest.json", lambda store: lineage(store, "stage/name/0123")), MANIFEST),
    "plan": (_stored("plan.json", lambda store: read_plan(store, "stage/name/0123/plan.json")), b'{"study": {}}'),
}
"""Targets by name, each with a sound input."""

if __name__ == "__main__":
    print(*TARGETS)
