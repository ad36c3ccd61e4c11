from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gmlm.config import RecipeConfig
from gmlm.corpus.build import build_corpus
from gmlm.corpus.filters import Candidate, copies, is_held_out
from gmlm.errors import EmptyCorpusError

GERMAN = "Die Patientin klagt seit drei Tagen über Husten, Auswurf und Fieber bis 39 Grad; die Lunge ist frei. " * 3
ENGLISH = "The patient has had a cough, sputum and fever of 39 degrees for three days; the lungs are clear. " * 3


def build(make_run, inputs, *, fingerprint="f" * 64, **recipe):
    """Build a corpus and return manifest, texts by part, ids by part, and drops.json."""
    run = make_run("corpus", "de", inputs=inputs, fingerprint=fingerprint)
    sources = recipe.pop("sources", {name: {} for name in inputs if not name.startswith("task:")})
    made = build_corpus(RecipeConfig(sources=sources, **recipe), run)
    parts = {"documents": [], "holdout": []}
    for entry in made.files:
        if entry.path.endswith(".parquet"):
            parts[entry.path.split("/")[0]] += pq.read_table(run.store.local_path(made.key(entry.path))).to_pylist()
    return made, parts, json.loads(run.store.read(run.key("drops.json")))


def numbered(count: int, what: str = "Befund") -> list[str]:
    return [f"{what} Nummer {number}: ohne Auffälligkeiten." for number in range(count)]


def test_each_filter_counts_what_it_drops_by_source(make_run, make_documents, make_task):
    inputs = {
        "notes": make_documents("notes", [GERMAN, ENGLISH, "kurz", *numbered(3)]),
        "letters": make_documents("letters", [GERMAN.upper(), "Die Frage der Prüfung lautet genau wie diese hier."]),
        "task:qa": make_task("qa", test=[{"question": "lautet genau wie diese hier", "context": "x"}]),
    }
    made, parts, drops = build(make_run, inputs, holdout_ratio=0, decontamination_ngram=5)
    assert made.counters == {
        "in": 8,
        "out": 4,
        "train": 4,
        "holdout": 0,
        "repeats": 0,
        "dropped": 4,
        "dropped: contaminated": 1,
        "dropped: duplicate": 1,
        "dropped: other language": 1,
        "dropped: too short": 1,
    }
    assert drops["sources"]["notes"]["dropped"] == {"too short": 1, "other language": 1}
    assert drops["sources"]["letters"]["dropped"] == {"duplicate": 1, "contaminated": 1}
    assert drops["contaminated"] == {"qa": 1}
    assert [row["source"] for row in parts["documents"]] == ["notes"] * 4


def test_filters_that_are_off_drop_nothing(make_run, make_documents, make_task):
    inputs = {
        "notes": make_documents("notes", [ENGLISH, ENGLISH, "kurz"]),
        "task:qa": make_task("qa", dev=[{"text": "kurz"}]),
    }
    off = {"identify_language": False, "deduplicate": "none", "decontaminate": False, "min_characters": 0}
    made, parts, _ = build(make_run, inputs, holdout_ratio=0, **off)
    assert len(parts["documents"]) == made.counters["out"] == 3


def test_a_whole_weight_repeats_training_documents_with_ids_of_their_own(make_run, make_documents):
    inputs = {"notes": make_documents("notes", numbered(40))}
    made, parts, _ = build(make_run, inputs, sources={"notes": {"weight": 3}}, holdout_ratio=0.3)
    train, held = parts["documents"], parts["holdout"]
    assert made.counters["out"] == 40 == made.counters["train"] + len(held)
    assert len(train) == 3 * made.counters["train"] == made.counters["train"] + made.counters["repeats"]
    assert len({row["id"] for row in train}) == len(train)
    assert set(Counter(row["text"] for row in train).values()) == {3}


def test_a_fraction_takes_a_sample_that_depends_on_nothing_but_the_texts(make_run, make_documents):
    texts = numbered(1000)
    inputs = {"notes": make_documents("notes", texts)}
    recipe = {"sources": {"notes": {"weight": 0.3}}, "holdout_ratio": 0}
    made, first, _ = build(make_run, inputs, **recipe)
    # Binomial(1000, 0.3) within five standard deviations.
    assert abs(made.counters["out"] - 300) < 5 * 14.5
    assert made.counters["dropped: not sampled"] == 1000 - made.counters["out"]
    inputs = {"notes": make_documents("shuffled", reversed(texts))}
    second = build(make_run, inputs, fingerprint="e" * 64, **recipe)[1]
    assert {row["text"] for row in first["documents"]} == {row["text"] for row in second["documents"]}


def test_a_text_that_one_sample_leaves_out_is_taken_from_another_source(make_run, make_documents):
    texts = numbered(200)
    inputs = {"a": make_documents("a", texts), "b": make_documents("b", texts)}
    made, parts, _ = build(make_run, inputs, sources={"a": {"weight": 0.5}, "b": {}}, holdout_ratio=0)
    assert made.counters["out"] == 200
    assert {row["source"] for row in parts["documents"]} == {"a", "b"}


def test_equal_texts_never_straddle_training_and_evaluation(make_run, make_documents):
    texts = numbered(150)
    inputs = {"a": make_documents("a", texts * 2), "b": make_documents("b", [text.upper() for text in texts])}
    _, parts, _ = build(make_run, inputs, deduplicate="none", holdout_ratio=0.3)
    train, held = ({row["text"].casefold() for row in parts[part]} for part in ("documents", "holdout"))
    assert len(train | held) == 150
    assert not train & held
    assert held


def test_what_a_larger_holdout_of_one_corpus_holds_contains_that_of_a_smaller(make_run, make_documents):
    inputs = {"a": make_documents("a", numbered(300))}
    small = build(make_run, inputs, holdout_ratio=0.1)[1]["holdout"]
    large = build(make_run, inputs, holdout_ratio=0.3, fingerprint="e" * 64)[1]["holdout"]
    assert {row["text"] for row in small} < {row["text"] for row in large}


def test_texts_are_normalised_and_shards_have_the_size_asked_for(make_run, make_documents):
    inputs = {"a": make_documents("a", ["Herz\u00adinsuffizienz  seit\u00a0Jahren bekannt.", *numbered(6)])}
    made, parts, _ = build(make_run, inputs, holdout_ratio=0, documents_per_shard=3)
    assert parts["documents"][0]["text"] == "Herzinsuffizienz seit Jahren bekannt."
    assert [entry.rows for entry in made.files if entry.rows] == [3, 3, 1]


def test_a_corpus_without_a_document_says_which_filter_took_them(make_run, make_documents):
    with pytest.raises(EmptyCorpusError, match=r"recipes\.de: no document .* of 2 read \(other language: 2\)"):
        build(make_run, {"a": make_documents("a", [ENGLISH, ENGLISH + "Yes."])})


@given(
    st.lists(st.sampled_from([GERMAN, ENGLISH, "", "kurz", *numbered(8)]), max_size=12),
    st.sampled_from([0.4, 1.0, 2.5]),
    st.sampled_from(["exact", "none"]),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_goes_in_comes_out_or_is_dropped(make_run, make_documents, texts, weight, deduplicate):
    inputs = {"a": make_documents("a", texts)}
    fingerprint = sha256(repr((texts, weight, deduplicate)).encode()).hexdigest()
    run = make_run("corpus", "de", inputs=inputs, fingerprint=fingerprint)
    recipe = RecipeConfig(sources={"a": {"weight": weight}}, deduplicate=deduplicate, holdout_ratio=0.3)
    try:
        counters = build_corpus(recipe, run).counters
    except EmptyCorpusError:
        return
    assert counters["in"] == len(texts) == counters["out"] + counters["dropped"]
    assert counters["out"] == counters["train"] + counters["holdout"]
    assert counters["dropped"] == sum(count for name, count in counters.items() if name.startswith("dropped: "))


@pytest.mark.parametrize(("weight", "expected"), [(1.0, {1}), (2.0, {2}), (0.5, {0, 1}), (2.5, {2, 3})])
def test_copies_lie_around_the_weight(weight, expected):
    candidates = [Candidate("a", text) for text in numbered(400)]
    drawn = [copies(candidate, {"a": weight}) for candidate in candidates]
    assert set(drawn) == expected
    # Five standard deviations of the mean of 400 draws.
    assert abs(sum(drawn) / 400 - weight) < 5 * 0.5 / 20


def test_a_holdout_ratio_of_zero_holds_nothing_out():
    assert not any(is_held_out(Candidate("a", text), 0) for text in numbered(100))
