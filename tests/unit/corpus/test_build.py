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
from gmlm.corpus.candidates import select_candidates
from gmlm.corpus.filters import Candidate, copies, is_held_out
from gmlm.errors import EmptyCorpusError, StorageError

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
    recipe = RecipeConfig(sources={"a": {"weight": weight}})
    drawn = [copies(candidate, recipe) for candidate in candidates]
    assert set(drawn) == expected
    # Five standard deviations of the mean of 400 draws.
    assert abs(sum(drawn) / 400 - weight) < 5 * 0.5 / 20


def test_a_holdout_ratio_of_zero_holds_nothing_out():
    assert not any(is_held_out(Candidate("a", text), 0) for text in numbered(100))


def near_copy(text: str, number: int) -> str:
    words = text.split()
    return " ".join([*words[:-1], f"neu{number}"])


def long_texts(count: int) -> list[str]:
    return [" ".join(f"wort{number * 1000 + place}" for place in range(60)) for number in range(count)]


def test_near_duplicates_are_dropped_across_sources_and_shards_and_the_first_is_kept(make_run, make_documents):
    texts = long_texts(12)
    inputs = {
        "a": make_documents("a", texts),
        "b": make_documents("b", [near_copy(text, number) for number, text in enumerate(texts)] + [texts[0], "x " * 9]),
    }
    options = {"identify_language": False, "min_characters": 0, "holdout_ratio": 0}
    made, parts, drops = build(make_run, inputs, deduplicate="near", **options)
    assert made.counters["dropped: near duplicate"] == 12
    assert made.counters["dropped: duplicate"] == 1
    assert [row["text"] for row in parts["documents"]] == [*texts, "x x x x x x x x x"]
    assert drops["filters"] == ["too short", "not sampled", "duplicate", "near duplicate", "contaminated"]
    exact, _, _ = build(make_run, inputs, deduplicate="exact", fingerprint="e" * 64, **options)
    assert exact.counters["out"] == 25


@pytest.mark.parametrize("deduplicate", ["exact", "near"])
def test_parallel_processes_change_no_byte(make_run, make_documents, make_task, monkeypatch, deduplicate):
    inputs = {
        "a": make_documents("a", [*numbered(30), *long_texts(4), ENGLISH]),
        "b": make_documents("b", [*numbered(40), *(near_copy(text, 1) for text in long_texts(4))]),
        "task:qa": make_task("qa", dev=[{"text": " ".join(long_texts(1)[0].split()[5:25])}]),
    }
    recipe = {"sources": {"a": {"weight": 2.5}, "b": {"weight": 0.7}}, "deduplicate": deduplicate, "keep_dropped": 2}
    recipe["identify_language"] = False
    alone, _, _ = build(make_run, inputs, documents_per_shard=7, fingerprint="a" * 64, **recipe)
    monkeypatch.setenv("GMLM_WORKERS", "2")
    monkeypatch.setattr("gmlm.corpus.build.PIECE", 9)
    together, _, _ = build(make_run, inputs, documents_per_shard=7, fingerprint="b" * 64, **recipe)
    assert (alone.files, alone.counters) == (together.files, together.counters)
    assert alone.counters["dropped: contaminated"] > 0


@pytest.mark.parametrize(("piece", "batch"), [(3, 4), (4, 3), (5, 5), (1, 7), (30, 2)])
def test_pieces_change_no_byte_however_files_are_cut(make_run, make_documents, monkeypatch, piece, batch):
    inputs = {
        "a": make_documents("a", [*numbered(11), "kurz", *numbered(3)]),
        "b": make_documents("b", numbered(5, "b")),
    }
    whole, _, _ = build(make_run, inputs, fingerprint="a" * 64, keep_dropped=2)
    monkeypatch.setattr("gmlm.corpus.build.PIECE", piece)
    monkeypatch.setattr("gmlm.corpus.candidates.BATCH", batch)
    pieces, _, _ = build(make_run, inputs, fingerprint="b" * 64, keep_dropped=2)
    assert (whole.files, whole.counters) == (pieces.files, pieces.counters)
    assert whole.counters["in"] == 20
    assert whole.counters["dropped: duplicate"] == 3


def test_a_shard_with_fewer_rows_than_recorded_is_named(make_run, make_documents):
    made = make_documents("a", numbered(3))
    made = made.model_copy(update={"files": [file.model_copy(update={"rows": 4}) for file in made.files]})
    with pytest.raises(StorageError, match="3 of the 4 recorded rows"):
        build_corpus(RecipeConfig(sources={"a": {}}), make_run("corpus", "de", inputs={"a": made}))


def test_samples_of_what_was_dropped_are_kept_by_source_and_filter(make_run, make_documents):
    inputs = {
        "a": make_documents("a", ["kurz", "kürzer", "k", ENGLISH, *numbered(2), *numbered(2)]),
        "b": make_documents("b", [*numbered(2), "kurz"]),
    }
    run = make_run("corpus", "de", inputs=inputs)
    build_corpus(RecipeConfig(sources={"a": {}, "b": {}}, keep_dropped=2, holdout_ratio=0), run)
    lines = [json.loads(line) for line in run.store.read(run.key("quarantine.jsonl")).splitlines()]
    assert Counter((line["file"], line["reason"]) for line in lines) == {
        ("a", "too short"): 2,
        ("a", "other language"): 1,
        ("a", "duplicate"): 2,
        ("b", "duplicate"): 2,
        ("b", "too short"): 1,
    }
    assert [line["record"] for line in lines if line["reason"] == "too short"] == ["kurz", "kürzer", "kurz"]
    assert {line["position"] for line in lines if line["file"] == "b"} == {"d0", "d1", "d2"}


def test_an_interrupted_build_goes_on_behind_the_last_finished_shard(make_run, make_documents, monkeypatch):
    inputs = {name: make_documents(name, numbered(9, name)) for name in ("a", "b")}
    filtered = []

    def select(shard, selection):
        filtered.append(shard.source)
        if filtered == ["a", "b"]:
            raise KeyboardInterrupt
        return select_candidates(shard, selection)

    with monkeypatch.context() as patch:
        patch.setattr("gmlm.corpus.build.select_candidates", select)
        with pytest.raises(KeyboardInterrupt):
            build(make_run, inputs)
    normalised = []
    monkeypatch.setattr("gmlm.corpus.candidates.normalise", lambda text: normalised.append(text) or text)
    made, parts, _ = build(make_run, inputs, holdout_ratio=0)
    assert normalised == numbered(9, "b")
    assert made.counters["out"] == 18 == len(parts["documents"])


def test_a_damaged_input_shard_is_named(make_run, make_documents):
    made = make_documents("a", numbered(3))
    run = make_run("corpus", "de", inputs={"a": made})
    run.store.local_path(made.key(made.files[0].path)).write_bytes(b"PAR1")
    with pytest.raises(StorageError, match=r"documents/00000\.parquet: its sha256 is not the one recorded"):
        build_corpus(RecipeConfig(sources={"a": {}}), run)
