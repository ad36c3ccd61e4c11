"""Each kind of bad input ends a command with an error of ours: what, where, what to do, and its own exit code."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from gmlm import cli, errors
from gmlm.stage import progress_prefix
from gmlm.training.checkpoint_place import STATE, sealed

Gmlm = Callable[..., tuple[int, str]]


@pytest.fixture
def gmlm(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Gmlm:
    """Run a command in this process: its exit code and what it printed."""
    monkeypatch.delenv("GMLM_DEBUG", raising=False)
    monkeypatch.setattr("gmlm.interruption.install", lambda: None)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["gmlm", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        printed = capfd.readouterr()
        return int(caught.value.code or 0), printed.out + printed.err

    return run


def study_of(folder: Path, **parts: object) -> str:
    """Write a study file of the given parts and return its path."""
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump({"name": "bad", **parts}), encoding="utf-8")
    return str(file)


def source(reader: str, path: str, **more: object) -> dict[str, object]:
    return {"notes": {"reader": reader, "path": path, **more}}


def explained(printed: str, *words: str) -> bool:
    return "What to do:" in printed and "Traceback" not in printed and all(word in printed for word in words)


def test_an_unknown_stage(tmp_path: Path, gmlm: Gmlm) -> None:
    (tmp_path / "a.txt").write_text("Text")
    study = study_of(tmp_path, sources=source("text", "a.txt"))
    code, printed = gmlm("run", study, "--only", "ingset")
    assert code == errors.ConfigError.exit_code
    assert explained(printed, "unknown stage 'ingset'", "did you mean 'ingest'")


def test_a_missing_path(tmp_path: Path, gmlm: Gmlm) -> None:
    code, printed = gmlm("run", study_of(tmp_path, sources=source("text", "nowhere")))
    assert code == errors.InputNotFoundError.exit_code
    assert explained(printed, "nowhere")


def test_a_store_of_another_kind(tmp_path: Path, gmlm: Gmlm) -> None:
    (tmp_path / "a.txt").write_text("Text")
    code, printed = gmlm("run", study_of(tmp_path, store="ftp://x/y", sources=source("text", "a.txt")))
    assert code == errors.ConfigError.exit_code
    assert explained(printed, "ftp://x/y")


@pytest.fixture
def readable_folder() -> Iterator[Path]:
    """A folder that all users may read; pytest's own are closed to them by each session that begins."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become a user without rights")
def test_no_permission(readable_folder: Path) -> None:
    """As another user in a process of its own, since root may write everywhere."""
    (readable_folder / "a.txt").write_text("Text")
    (readable_folder / "store").mkdir(mode=0o755)
    study = study_of(readable_folder, store="store", sources=source("text", "a.txt"))
    probe = (
        "import os, sys, gmlm.study.commands, gmlm.corpus.ingest, prometheus_client; from gmlm import cli; "
        f"os.setgid(65534); os.setuid(65534); sys.argv = ['gmlm', 'run', {study!r}]; cli.main()"
    )
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == errors.AccessDeniedError.exit_code, result.stderr
    assert explained(result.stderr, "store")


def _truncated_gzip(folder: Path) -> dict[str, object]:
    whole = gzip.compress(b'{"text": "Ein Befund ohne Besonderheiten."}\n' * 500)
    (folder / "notes.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    return source("jsonl", "notes.jsonl.gz")


def _malformed_xml(folder: Path) -> dict[str, object]:
    (folder / "notes.xml").write_text("<PubmedArticleSet><PubmedArticle></PubmedArticleSet>")
    return source("pubmed_xml", "notes.xml")


def _wrong_encoding(folder: Path) -> dict[str, object]:
    (folder / "notes.csv").write_bytes("text\nÜbelkeit\n".encode("utf-16"))
    return source("csv", "notes.csv")


def _missing_column(folder: Path) -> dict[str, object]:
    with (folder / "notes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "body"], ["1", "Ein Befund"]])
    return source("csv", "notes.csv")


@pytest.mark.parametrize("damage", [_truncated_gzip, _malformed_xml, _wrong_encoding, _missing_column])
def test_a_file_that_cannot_be_read(tmp_path: Path, gmlm: Gmlm, damage: Callable[[Path], dict[str, object]]) -> None:
    code, printed = gmlm("run", study_of(tmp_path, sources=damage(tmp_path)))
    assert code == errors.DataFormatError.exit_code, printed
    assert explained(printed, "notes.")
    assert "Befund" not in printed


def test_an_empty_corpus(tmp_path: Path, gmlm: Gmlm) -> None:
    (tmp_path / "a.txt").write_text("Zu kurz.")
    recipes = {"all": {"sources": {"notes": {}}, "min_characters": 1000}}
    study = study_of(tmp_path, sources=source("text", "a.txt", language="de"), recipes=recipes)
    code, printed = gmlm("run", study)
    assert code == errors.EmptyCorpusError.exit_code
    assert explained(printed, "all")


SPANS = {"kind": "token_classification", "reader": "spans_jsonl", "path": "spans.jsonl", "labels": ["DRUG"]}


@pytest.mark.parametrize(
    ("span", "word"),
    [({"start": 0, "end": 9, "label": "DRGU"}, "DRGU"), ({"start": 0, "end": 900, "label": "DRUG"}, "900")],
    ids=["a label outside the task's set", "a span outside the text"],
)
def test_labels_and_spans(tmp_path: Path, gmlm: Gmlm, span: dict[str, object], word: str) -> None:
    rows = [{"id": f"doc-{n}", "text": "Ibuprofen wurde gegeben.", "spans": [span]} for n in range(4)]
    (tmp_path / "spans.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, printed = gmlm("run", study_of(tmp_path, tasks={"drugs": SPANS}))
    assert code == errors.LabelError.exit_code
    assert explained(printed, "spans.jsonl", "doc-", word)
    assert "Ibuprofen" not in printed


def test_a_failed_source_loses_nothing_that_was_done(tmp_path: Path, gmlm: Gmlm) -> None:
    (tmp_path / "good.txt").write_text("Ein Befund ohne Besonderheiten.")
    sources = {"good": {"reader": "text", "path": "good.txt"}, **_malformed_xml(tmp_path)}
    study = study_of(tmp_path, sources=sources)
    code, printed = gmlm("run", study)
    assert code == errors.DataFormatError.exit_code
    assert "+ ingest/good" in printed
    _, again = gmlm("run", study)
    assert "= ingest/good" in again


def test_a_tokenizer_of_another_vocabulary(tiny_study: Path, tmp_path: Path, gmlm: Gmlm) -> None:
    from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

    (tmp_path / "general.txt").write_text("Der Wind weht aus Westen. " * 40)
    recipes = {"general": {"sources": {"notes": {}}}}
    study = {"sources": source("text", "general.txt", language="de"), "recipes": recipes}
    tokenizers = {"words": {"train": {"corpus": "general", "vocab_size": 300}}}
    code, printed = gmlm("run", study_of(tmp_path, **study, tokenizers=tokenizers), "--dry-run")
    assert code == 0, printed
    gmlm("build-corpus", study_of(tmp_path, **study, tokenizers=tokenizers))
    gmlm("run", study_of(tmp_path, **study, tokenizers=tokenizers))
    (folder,) = (tmp_path / "runs" / "tokenizer" / "words").iterdir()
    AutoTokenizer.from_pretrained(folder / "tokenizer").save_pretrained(tmp_path / "model")
    small = BertConfig(vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    BertForMaskedLM(small).save_pretrained(tmp_path / "model")
    phases = [{"corpus": "general", "steps": 2, "sequence_length": 32, "batch_tokens": 64}]
    models = {"continued": {"base": "model", "phases": phases}}
    code, printed = gmlm("run", study_of(tmp_path, **study, models=models))
    assert code == errors.ModelMismatchError.exit_code, printed
    assert explained(printed, "model")


def test_a_checkpoint_of_another_study(tmp_path: Path, gmlm: Gmlm) -> None:
    (tmp_path / "general.txt").write_text("Der Wind weht aus Westen. " * 40)
    phases = [{"corpus": "general", "steps": 2, "sequence_length": 32, "batch_tokens": 64}]
    settings = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    study = study_of(
        tmp_path,
        sources=source("text", "general.txt", language="de"),
        recipes={"general": {"sources": {"notes": {}}}},
        tokenizers={"words": {"train": {"corpus": "general", "vocab_size": 300}}},
        models={"base": {"architecture": {"tokenizer": "words", "settings": settings}, "phases": phases}},
    )
    _, printed = gmlm("plan", study)
    assert "pretrain/base" in printed
    from gmlm.study import commands

    planned = commands.open_study(Path(study)).plan.nodes["pretrain/base"]
    unfinished = progress_prefix("pretrain", "base", planned.progress)
    foreign = tmp_path / "runs" / unfinished / "phase-0" / "step-00000001"
    foreign.mkdir(parents=True)
    (foreign / STATE).write_bytes(sealed({"fingerprint": "another study", "layout": "torch"}))
    code, printed = gmlm("run", study)
    assert code == errors.CheckpointMismatchError.exit_code, printed
    assert explained(printed, "step-00000001")
