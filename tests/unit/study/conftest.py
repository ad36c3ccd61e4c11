"""A whole study of small parts, whose stages are replaced by ones that only copy their name."""

from __future__ import annotations

from pathlib import Path

import pytest

from gmlm.config import StudyConfig, parse_study

STUDY = """
name: small
sources:
  english: {reader: text, path: texts}
  german: {reader: text, path: texts, language: de}
references:
  held: {source: pairs.jsonl}
translators:
  marian: {train: {parallel: pairs.jsonl}, references: [held]}
translations:
  translated: {source: english, translator: marian}
recipes:
  general: {sources: {german: {}}, decontaminate: false}
  clinical: {sources: {translated: {}, german: {weight: 0.5}}}
tokenizers:
  words: {train: {corpus: general}}
models:
  base:
    architecture: {tokenizer: words}
    phases: [{corpus: general, steps: 2}]
  continued:
    base: base
    phases: [{corpus: clinical, steps: 2}]
  known: {base: deepset/gbert-base}
tasks:
  ner: {kind: token_classification, reader: spans_jsonl, path: spans.jsonl}
evaluation: {models: [continued, known], baseline: base, seeds: [1, 2]}
"""


@pytest.fixture
def study() -> StudyConfig:
    return parse_study(STUDY)


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """The study as a file, with all of its input files beside it."""
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("Ein Text.", encoding="utf-8")
    for name in ("pairs.jsonl", "spans.jsonl"):
        (tmp_path / name).write_text("{}\n", encoding="utf-8")
    file = tmp_path / "study.yaml"
    file.write_text(STUDY, encoding="utf-8")
    return file
