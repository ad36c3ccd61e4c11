"""Treated corpora: shuffled words, and canaries planted as often as asked for."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from gmlm.config import RecipeConfig, TreatmentConfig
from gmlm.config.corpora import CanaryConfig
from gmlm.corpus.canaries import make_canaries
from gmlm.corpus.treatment import treat_corpus
from gmlm.shards import Document, ShardWriter, read_shards

CANARIES = CanaryConfig(number=3, repeats=(1, 4), controls=5)
TEXTS = [f"Befund {n}:\n\nDie Lunge von Fall {n} ist frei, der Bauch weich und rund ({n})." for n in range(60)]
SECRET = re.compile(r"\w+ \w+, geboren am \d\d\.\d\d\.\d{4}, Fallnummer \d{8}")


@pytest.fixture
def corpus(make_run):
    """A built corpus of 50 training and 10 held-out documents, in shards of 20."""
    run, entries = make_run("corpus", "de"), []
    for folder, texts in (("documents", TEXTS[:50]), ("holdout", TEXTS[50:])):
        writer = ShardWriter(run, folder=folder, rows_per_shard=20)
        for number, text in enumerate(texts):
            writer.write(Document(f"d{number}", "notes", "de", text).row())
        writer.flush()
        entries += writer.entries
    return run.publish("documents", RecipeConfig(sources={"notes": {}}), entries)


def _rows(run, manifest, part):
    return [row for table in read_shards(run.store, manifest, part) for row in table.to_pylist()]


@pytest.fixture
def treat(make_run, corpus):
    """Treat the corpus: manifest, rows before and after by part, and the run."""

    def run_it(fingerprint="a" * 64, **config):
        run = make_run("treatment", "de", inputs={"corpus": corpus}, fingerprint=fingerprint)
        made = treat_corpus(TreatmentConfig(**config), run)
        rows = {part: [_rows(run, side, part) for side in (corpus, made)] for part in ("documents", "holdout")}
        return made, rows, run

    return run_it


@pytest.mark.parametrize("scope", ["document", "corpus"])
@pytest.mark.parametrize("part", ["documents", "holdout"])
def test_words_layout_and_split_stay_and_the_order_goes(treat, scope, part):
    before, after = treat(shuffle_words=scope)[1][part]
    assert [row["id"] for row in before] == [row["id"] for row in after]
    assert all(row["text"] != other["text"] for row, other in zip(before, after, strict=True))
    layouts = [[re.sub(r"\S+", "x", row["text"]) for row in side] for side in (before, after)]
    assert layouts[0] == layouts[1]
    words = [[Counter(row["text"].split()) for row in side] for side in (before, after)]
    assert (words[0] == words[1]) == (scope == "document")
    assert sum(words[0], Counter()) == sum(words[1], Counter())


def test_equal_seeds_give_equal_bytes(treat):
    first, second = (treat(c * 64, shuffle_words="corpus", canaries=CANARIES)[0] for c in "ab")
    assert [entry.sha256 for entry in first.files] == [entry.sha256 for entry in second.files]


def test_planted_canaries_and_controls_are_of_one_kind_and_all_different():
    planted, controls = make_canaries(CANARIES, seed=13)
    canaries = [canary for canary, _ in planted] + controls
    assert [repeats for _, repeats in planted] == [1, 1, 1, 4, 4, 4]
    assert len({canary.text for canary in canaries}) == 11
    assert all(SECRET.fullmatch(canary.text[canary.start : canary.end]) for canary in canaries)
    assert make_canaries(CANARIES, seed=13) == (planted, controls)
    assert make_canaries(CANARIES, seed=14) != (planted, controls)


def test_the_corpus_holds_each_canary_as_often_as_asked_and_no_control(treat):
    made, rows, run = treat(canaries=CANARIES)
    before, after = rows["documents"]
    record = json.loads(run.store.read(made.key("canaries.json")))
    texts = [row["text"] for row in after]
    assert after[:50] == before
    assert [texts.count(canary["text"]) for canary in record["planted"]] == [1, 1, 1, 4, 4, 4]
    assert not any(canary["text"] in texts for canary in record["controls"])
    assert rows["holdout"][0] == rows["holdout"][1]
    assert len({(row["source"], row["id"]) for row in after}) == 65


def test_canaries_are_in_no_count_of_documents(treat):
    assert treat(canaries=CANARIES)[0].counters == {"in": 60, "out": 60, "rejected": 0}
