"""The sections on corpora, translation, training and other scores hold the figures of the stages."""

from __future__ import annotations

import json
import math

import pyarrow as pa
import pytest
from lxml import html

from gmlm.report.histogram import LENGTH_EDGES, RATIO_EDGES, length_ratios
from gmlm.shards import ShardWriter
from tests.unit.report.pages import markdown_rows, text_of


def test_counts_of_corpora_and_translation(pages):
    content = json.loads(pages["report.json"])
    documents = {made["node"]: made for made in content["documents"]}
    assert documents["ingest/pubmed"]["documents"] == 420
    assert documents["ingest/pubmed"]["lengths"]["values"] == 420
    assert content["tokens"][0] == {
        "name": "clinical--german",
        "train_documents": 304,
        "train_tokens": 88 * 304,
        "holdout_documents": 6,
        "holdout_tokens": 88 * 6,
    }
    translation = content["translations"][0]
    assert (translation["segments"], translation["translated"]) == (4050, 4000)
    too_long = len(range(0, 4000, 97))
    both = sum(i % 97 != 0 for i in range(0, 4000, 61))
    assert translation["flags"] == {"repetition": both, "too long": too_long, "too short": both}
    assert translation["flagged"] == too_long + both


def test_histograms_count_every_value(pages):
    content = json.loads(pages["report.json"])
    for made in content["documents"]:
        lengths = made["lengths"]
        assert sum(lengths["counts"]) == lengths["values"]
        assert len(lengths["counts"]) == len(lengths["edges"]) == len(LENGTH_EDGES)
    ratios = content["translations"][0]["ratios"]
    assert sum(ratios["counts"]) == ratios["values"] == 4000
    assert len(ratios["counts"]) == len(RATIO_EDGES)
    assert ratios["quantiles"]["50"] == pytest.approx(1.0, abs=0.05)


def test_other_scores_are_shown_where_a_task_has_them(finished_study, pages):
    page = html.fromstring(pages["report.html"])
    findings, _, questions = page.xpath("//section[@id='seeds']//table")
    assert [text_of(cell) for cell in findings.xpath("thead//th")][-2:] == ["Precision", "Recall"]
    assert [text_of(cell) for cell in questions.xpath("thead//th")][-1] == "Exact match"
    assert [text_of(cell) for cell in questions.xpath("tbody/tr[last()]/*")] == [
        "continued",
        "58.2",
        "59.2",
        "60.2",
        "1.0",
        "44.0",
    ]


def test_losses_before_and_after_each_phase(pages):
    rows = {(row[0], row[2]): row for row in markdown_rows(pages["report.md"], "model | starts from")}
    first, last = 2.1 + 5 * math.exp(-10 / 150) + 0.1, 2.1 + 5 * math.exp(-400 / 150) + 0.1
    assert rows["base", "general"][6:] == [f"{first:.3f}", f"{last:.3f}", f"{math.exp(last):.1f}"]


def test_held_out_losses_of_each_source_are_shown(pages):
    data = json.loads(pages["report.json"])
    phase = data["pretraining"][0]["phases"][0]
    before, after = phase["holdout_loss_before"], phase["holdout_loss"]
    expected = {"before": before + 0.25, "after": after + 0.25, "bits_per_character": 1.75}
    assert phase["sources"]["letters"] == pytest.approx(expected)
    for page in ("report.md", "report.html"):
        assert f"{before + 0.25:.3f}" in pages[page]
        assert f"{after - 0.25:.3f}" in pages[page]
        assert "1.750" in pages[page]


def test_drops_and_balance_are_shown(pages):
    table = markdown_rows(pages["report.md"], "source | in")
    assert table == [["pubmed-de", "373", "12", "3", "41", "7", "310", "0"]]
    accounts = {row[0]: row for row in markdown_rows(pages["report.md"], "stage | in")}
    assert accounts["corpus/clinical"][1:6] == ["373", "310", "0", "63", "holds"]
    assert accounts["task/codes"][6] == "rejected: span outside the text 2"


def test_alignment_with_empty_segments_is_measured(new_study):
    study = new_study("empty-segments")
    run = study.run("translate/x")
    schema = pa.schema([("source", pa.string()), ("target", pa.string())])
    writer = ShardWriter(run, schema, folder="alignment")
    for source, target in (("", ""), ("two words", ""), (" one  two ", "eins"), ("a b", "c d e f g h i j")):
        writer.write({"source": source, "target": target})
    writer.flush()
    study.publish(run, "documents", writer.entries)
    ratios = length_ratios(study.store, study.nodes["translate/x"])
    assert ratios.values == 3
    assert (ratios.counts[0], ratios.counts[5], ratios.counts[-1]) == (1, 1, 1)
