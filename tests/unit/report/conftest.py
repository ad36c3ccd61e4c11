"""A finished study, small enough to be made in a test and complete enough to fill every section of the report."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gmlm.config import ReportConfig
from gmlm.config.base import Frozen
from gmlm.manifest import FileEntry, Manifest, RawInput
from gmlm.report.report import build_report
from gmlm.shards import Document, ShardWriter, write_documents
from gmlm.stage import StageRun
from gmlm.storage import Store
from gmlm.storage.local import LocalStore
from tests.unit.report.samples import SEEDS, add_details, sample_audit, sample_scores, sample_training

ALIGNMENT = pa.schema(
    [
        ("document", pa.string()),
        ("position", pa.int32()),
        ("source", pa.string()),
        ("target", pa.string()),
        ("separator", pa.string()),
        ("flags", pa.list_(pa.string())),
    ]
)
SECRET = "Geheimnis"
"""A word of every text of the sample; it must not be found in any report."""


class AnyConfig(Frozen, extra="allow"):
    """A configuration of any fields."""


@dataclass
class SampleStudy:
    """The finished nodes of a study in a store of its own."""

    folder: Path
    scores: dict[str, Any] = field(default_factory=lambda: add_details(sample_scores()))
    evaluation: dict[str, Any] = field(
        default_factory=lambda: {
            "models": ["general", "continued"],
            "baseline": "base",
            "tasks": ["findings", "codes", "questions"],
            "seeds": list(SEEDS),
            "resamples": 10_000,
            "confidence": 0.95,
        }
    )
    nodes: dict[str, Manifest] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return LocalStore(self.folder / "store")

    def run(self, node: str, *inputs: str, raw: Sequence[str] = ()) -> StageRun:
        stage, name = node.split("/")
        fingerprint = hashlib.sha256(node.encode()).hexdigest()
        return StageRun(
            stage=stage,
            name=name,
            store=self.store,
            prefix=f"{stage}/{name}/{fingerprint[:12]}",
            scratch=self.folder / "scratch",
            fingerprint=fingerprint,
            seed=13,
            study_folder=self.folder,
            inputs={made: self.nodes[made] for made in inputs},
            raw_inputs=tuple(
                RawInput(name=r, bytes=12_345, sha256=hashlib.sha256(r.encode()).hexdigest()) for r in raw
            ),
        )

    def publish(
        self,
        run: StageRun,
        kind: Any,
        files: Sequence[FileEntry] = (),
        counters: Mapping[str, int] | None = None,
        **config: Any,
    ) -> None:
        node = f"{run.stage}/{run.name}"
        self.nodes[node] = run.publish(kind, AnyConfig(**config), files, counters=counters)

    def add_documents(self, node: str, count: int, *inputs: str, raw: Sequence[str] = (), **counters: int) -> None:
        run = self.run(node, *inputs, raw=raw)
        texts = (f"{SECRET} " * (1 + (i * 37) % 211) for i in range(count))
        documents = (Document(f"{i}", run.name, "de", text) for i, text in enumerate(texts))
        files = write_documents(run, documents, rows_per_shard=100)
        self.publish(run, "documents", files, {"in": count + sum(counters.values()), "out": count, **counters})

    def add_translation(self, node: str, count: int, *inputs: str) -> None:
        run = self.run(node, *inputs)
        texts = (Document(f"{i}", run.name, "de", f"{SECRET} " * (3 + i % 90)) for i in range(count))
        files = write_documents(run, texts)
        writer = ShardWriter(run, ALIGNMENT, folder="alignment")
        flagged = Counter[str]()
        for i in range(10 * count):
            flags = ["too long"] if i % 97 == 0 else ["too short", "repetition"] if i % 61 == 0 else []
            flagged.update(flagged=int(bool(flags)), **{f"flagged: {flag}": 1 for flag in flags})
            words = 20 if not flags else 5 if len(flags) == 2 else 60
            target = " ".join([SECRET] * (words + (i * 7) % 9 - 4))
            writer.write(
                {
                    "document": "d",
                    "position": i,
                    "source": "word " * 20,
                    "target": target,
                    "separator": " ",
                    "flags": flags,
                }
            )
        writer.flush()
        limits = {"source": "pubmed", "translator": "tiny", "min_length_ratio": 0.4, "max_length_ratio": 2.5}
        counters = {"in": count + 2, "out": count, "rejected": 2, "rejected: too many flagged segments": 2}
        counters |= {"segments": 10 * count + 50, "translated": 10 * count, **flagged}
        self.publish(run, "documents", [*files, *writer.entries], counters, translation=limits)

    def add_json(self, node: str, kind: Any, path: str, content: Any, *inputs: str, **config: Any) -> None:
        run = self.run(node, *inputs)
        self.publish(run, kind, [run.write(path, json.dumps(content).encode())], **config)

    def report(self, name: str = "sample") -> Manifest:
        """Run the stage over all nodes."""
        return build_report(ReportConfig(study=name), self.run(f"report/{name}", *self.nodes))

    def read(self, report: Manifest, path: str) -> str:
        return self.store.read(report.key(path)).decode()


def complete(study: SampleStudy) -> SampleStudy:
    """Fill a study with a node of every stage that the report reads."""
    study.add_documents("ingest/pubmed", 420, raw=["pubmed-1.xml.gz", "pubmed-2.xml.gz"], rejected=3)
    study.add_documents("ingest/general", 380, raw=["general.jsonl"], rejected=0)
    for task in study.evaluation["tasks"]:
        run = study.run(f"task/{task}", raw=[f"{task}.jsonl"])
        study.publish(
            run, "task", counters={"in": 1000, "out": 998, "rejected": 2, "rejected: span outside the text": 2}
        )
    study.publish(study.run("translator/tiny", raw=["parallel.jsonl"]), "model")
    quality = {
        "bleu": 41.53,
        "chrf": 66.28,
        "segments": 500,
        "signatures": {
            "bleu": "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.5.1",
            "chrf": "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.5.1",
        },
    }
    study.add_json("translator-score/tiny--truth", "scores", "scores.json", quality, "translator/tiny")
    study.add_translation("translate/pubmed-de", 400, "ingest/pubmed", "translator/tiny")
    add_corpus(study, "clinical", "translate/pubmed-de")
    add_corpus(study, "general", "ingest/general")
    study.publish(study.run("tokenizer/german", "corpus/general"), "tokenizer")
    study.add_json("pretrain/base", "model", "training.json", sample_training("general"), "tokens/general--german")
    for model, corpora in (("general", ["general"]), ("continued", ["general", "clinical"])):
        training = sample_training(*corpora, steps=300)
        study.add_json(f"pretrain/{model}", "model", "training.json", training, "pretrain/base", base="base")
    for model in ("base", "continued"):
        for seed in (1, 2):
            curve = [{"step": step, "loss": 3 / step + seed / 100, "learning_rate": 1e-4} for step in (10, 20, 30)]
            content = {"steps": 30, "windows": 90, "curve": curve, "unplaceable": 0}
            study.add_json(f"finetune/{model}--findings--{seed}", "predictions", "training.json", content)
    study.add_json("evaluate/sample", "scores", "scores.json", study.scores, **study.evaluation)
    for model, found in (("general", False), ("continued", True)):
        study.add_json(f"audit/{model}", "scores", "audit.json", sample_audit(found), f"pretrain/{model}")
    return study


def add_corpus(study: SampleStudy, name: str, source: str) -> None:
    """A corpus with its drop table and its tokens."""
    run = study.run(f"corpus/{name}", source)
    part = source.split("/")[1]
    files = write_documents(run, (Document(f"{i}", part, "de", f"{SECRET} " * (9 + i % 120)) for i in range(310)))
    dropped = {"too short": 12, "another language": 3, "duplicate": 41, "contamination": 7}
    counts = {"in": 373, "out": 310, "train": 304, "holdout": 6, "repeats": 0, "characters": 99_000, "dropped": dropped}
    drops = {"filters": list(dropped), "sources": {part: counts}, "contaminated": {"questions": 7}}
    files.append(run.write("drops.json", json.dumps(drops).encode()))
    study.publish(run, "documents", files, {"in": 373, "out": 310, "dropped": 63})
    tokens = study.run(f"tokens/{name}--german", f"corpus/{name}")
    entries = [
        FileEntry(path=f"{folder}/00000.parquet", bytes=1, sha256="0" * 64, rows=rows, tokens=88 * rows)
        for folder, rows in (("train", 304), ("holdout", 6))
    ]
    study.publish(tokens, "tokens", entries)


@pytest.fixture
def new_study(tmp_path: Path) -> Callable[[str], SampleStudy]:
    """Makes empty studies, each in a folder of its own."""
    return lambda name: SampleStudy(tmp_path / name)


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory) -> SampleStudy:
    """A complete study; it is shared, so a test that changes it takes the copy `study`."""
    return complete(SampleStudy(tmp_path_factory.mktemp("finished")))


@pytest.fixture(scope="session")
def pages(finished_study: SampleStudy) -> dict[str, str]:
    """The report of the complete study: text by file name."""
    report = finished_study.report()
    return {entry.path: finished_study.read(report, entry.path) for entry in report.files}


@pytest.fixture
def study(finished_study: SampleStudy, tmp_path: Path) -> SampleStudy:
    """A copy of the complete study, free to be changed."""
    folder = tmp_path / "sample"
    shutil.copytree(finished_study.folder, folder, ignore=shutil.ignore_patterns("report"))
    nodes = {node: made for node, made in finished_study.nodes.items() if not node.startswith("report/")}
    return SampleStudy(folder, nodes=nodes)
