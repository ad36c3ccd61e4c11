"""A translation with `quality`: scores beside the text, suspicious segments retried, figures of it all."""

from __future__ import annotations

import json

import pytest

import gmlm.translation.shard_translator as shard_translator
from gmlm.config import RecipeConfig, RetryConfig, SourceConfig, TranslateConfig
from gmlm.corpus.filters import Candidate, copies, quality_in, recipe_filters
from gmlm.shards import Document, read_documents, read_shards, write_documents
from gmlm.translation.report import measure, samples_jsonl
from gmlm.translation.translate import translate

GOOD = {"The wound is dry and clean and heals well.": "Die Wunde ist trocken und sauber und heilt gut."}
BAD = "He was given 20 mg of prednisone for five days."
DOCUMENTS = [
    Document("good", "notes", "en", "The wound is dry and clean and heals well.\n120/80"),
    Document("bad", "notes", "en", f"{BAD}\nThe wound is dry and clean and heals well."),
]


class Forgetful:
    """An engine that loses numbers, unless it is made to look twice."""

    source_limit = 50

    def __init__(self):
        self.retried = []

    def lengths(self, texts):
        return [len(text.split()) for text in texts]

    def translate(self, batch, retry=None):
        if retry is not None:
            assert retry == RetryConfig(beam_size=3)
            self.retried += batch
            return ["Er bekam fünf Tage lang 20 mg Prednison." for _ in batch]
        return [GOOD.get(text, "Er bekam fünf Tage lang etwas Prednison.") for text in batch]


@pytest.fixture
def engine(monkeypatch):
    engine = Forgetful()
    monkeypatch.setattr(shard_translator, "open_engine", lambda model, decoding: engine)
    return engine


@pytest.fixture
def run(make_run, tiny_translator):
    ingest = make_run("ingest", "notes")
    source = ingest.publish(
        "documents", SourceConfig(reader="text", path="x"), write_documents(ingest, iter(DOCUMENTS))
    )
    return make_run("translate", "notes_de", inputs={"documents": source, "translator": tiny_translator})


def config(quality):
    translation = {"source": "notes", "translator": "tiny", "max_flagged_ratio": 1.0, "quality": quality}
    return TranslateConfig(translation=translation, decoding={})


def rows(run, manifest):
    return [row for table in read_shards(run.store, manifest, "alignment") for row in table.to_pylist()]


def test_scores_stand_beside_the_text_and_their_mean_with_the_document(run, engine):
    manifest = translate(config({"retry": None}), run)
    found = rows(run, manifest)
    assert [row["score"] for row in found] == [1, None, pytest.approx(0.25), 1]
    assert found[2]["flags"] == ["numbers", "units"]
    good, bad = read_documents(run.store, manifest)
    assert good.meta["translation_quality"] == "1.0000"
    assert float(bad.meta["translation_quality"]) == pytest.approx((10 * 0.25 + 9) / 19, abs=1e-4)
    assert engine.retried == []


def test_a_suspicious_segment_is_retried_and_the_better_output_kept(run, engine):
    manifest = translate(config({"retry": {"beam_size": 3}}), run)
    assert engine.retried == [BAD]
    assert [row["score"] for row in rows(run, manifest)] == [1, None, 1, 1]
    assert list(read_documents(run.store, manifest))[1].text.startswith("Er bekam fünf Tage lang 20 mg Prednison.")


def test_a_retry_that_is_no_better_is_not_taken(run, engine, monkeypatch):
    monkeypatch.setattr(Forgetful, "translate", lambda self, batch, retry=None: ["x" if retry else "y" for _ in batch])
    manifest = translate(config({"retry": {}}), run)
    assert {row["target"] for row in rows(run, manifest)} == {"y", "120/80"}


def test_without_quality_nothing_is_added(run, engine):
    manifest = translate(config(None), run)
    assert "score" not in rows(run, manifest)[0]
    assert set(next(read_documents(run.store, manifest)).meta) == {"translator"}


def test_a_recipe_drops_what_was_translated_badly():
    recipe = RecipeConfig(sources={"x": {}}, identify_language=False, min_characters=0, min_translation_quality=0.7)
    (judge,) = [each for each in recipe_filters(recipe) if each.reason == "translated badly"]
    metas = ['{"translation_quality": "0.6900"}', '{"translation_quality": "0.7000"}', "{}"]
    assert [judge.drops(Candidate("x", "t", quality_in(meta))) for meta in metas] == [True, False, False]
    without = recipe.model_copy(update={"min_translation_quality": None})
    assert "translated badly" not in [each.reason for each in recipe_filters(without)]


@pytest.mark.parametrize(("quality", "expected"), [(None, 400), (1.0, 400), (0.8, 320), (0.25, 100), (0.0, 0)])
def test_a_recipe_samples_translations_by_their_quality(quality, expected):
    recipe = RecipeConfig(sources={"x": {}}, weigh_translation_quality=True)
    drawn = [copies(Candidate("x", f"Befund {n}", quality), recipe) for n in range(400)]
    # Within five standard deviations of a binomial count.
    assert abs(sum(drawn) - expected) <= 5 * (400 * (expected / 400) * (1 - expected / 400)) ** 0.5
    assert (
        sum(copies(Candidate("x", f"Befund {n}", quality), RecipeConfig(sources={"x": {}})) for n in range(400)) == 400
    )


@pytest.mark.parametrize("quality", [None, {"retry": None}])
def test_the_report_counts_flags_and_scores_and_names_the_worst(run, engine, quality):
    figures, worst = measure(run.store, translate(config(quality), run), worst=2)
    assert (figures.segments, figures.flags) == (3, {"numbers": 1, "units": 1})
    assert figures.classes["1"] == 2
    assert figures.scores["50%"] == 1
    assert [(row["document"], row["score"]) for row in worst] == [("bad", 0.25), ("good", 1.0)]
    line = json.loads(samples_jsonl("notes_de", worst).splitlines()[0])
    assert (line["translation"], line["source"]) == ("notes_de", BAD)


def test_the_printed_figures_hold_no_text(run, engine):
    figures, _ = measure(run.store, translate(config(None), run))
    text = figures.text()
    assert "notes_de: 3 translated segments" in text
    assert "numbers 1 (33.3%)" in text
    assert "Prednison" not in text
