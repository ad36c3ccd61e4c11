"""`gmlm translation-report` prints figures, and writes text only to the file that it is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gmlm.cli import app
from gmlm.errors import ConfigError
from gmlm.study import commands
from gmlm.study.selection import Selection
from gmlm.study.translation_report import translation_report

STUDY = """
name: reported
sources:
  notes: {reader: jsonl, path: notes.jsonl}
translators:
  small:
    train: {parallel: pairs.jsonl, vocab_size: 110, hidden_size: 8, layers: 1, heads: 1, feed_forward_size: 8, steps: 1}
    decoding: {max_length: 20}
translations:
  german: {source: notes, translator: small, max_flagged_ratio: 1}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reported")
    pairs = [{"en": f"The dose is {n} mg.", "de": f"Die Dosis beträgt {n} mg."} for n in range(30)]
    for name, rows in (("pairs", pairs), ("notes", [{"text": f"The dose is {n} mg."} for n in range(5)])):
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        commands.run(folder / "study.yaml", Selection(), observer=lambda *_: None)
    return folder / "study.yaml"


def test_it_prints_figures_without_text(study: Path) -> None:
    printed = CliRunner().invoke(app, ["translation-report", str(study)]).output
    assert "german: 5 translated segments" in printed
    assert "score at quantile" in printed
    assert "dose" not in printed
    assert sorted(path.name for path in study.parent.glob("*.jsonl")) == ["notes.jsonl", "pairs.jsonl"]


def test_the_worst_segments_go_to_the_file_that_is_named(study: Path, tmp_path: Path) -> None:
    output = tmp_path / "worst.jsonl"
    text = translation_report(study, worst=2, output=output)
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 2
    assert set(rows[0]) == {"translation", "document", "position", "source", "target", "score", "flags"}
    assert rows[0]["score"] <= rows[1]["score"]
    assert str(output) in text


def test_without_a_finished_translation_it_says_so(study: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no translation is finished"):
        translation_report(study, store=str(tmp_path / "empty"))
