from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import AutoTokenizer

from gmlm.config import RecipeConfig, TokenizerConfig, TokenizerTraining, TokensConfig
from gmlm.corpus.build import build_corpus
from gmlm.corpus.tokenize import tokenize_corpus
from gmlm.corpus.tokenizer import build_tokenizer
from gmlm.errors import EmptyCorpusError
from gmlm.manifest import Manifest

TEXTS = [f"Befund {number}: Übelkeit, Fieber und Herzinsuffizienz, {'sehr ' * number}lange." for number in range(60)]


@pytest.fixture
def inputs(make_run: Callable[..., Any], make_documents: Callable[..., Manifest]) -> dict[str, Manifest]:
    """A corpus with a held-out part, and a tokenizer trained on it."""
    recipe = RecipeConfig(sources={"notes": {}}, holdout_ratio=0.2, decontaminate=False)
    corpus = build_corpus(recipe, make_run("corpus", "de", inputs={"notes": make_documents("notes", TEXTS)}))
    run = make_run("tokenizer", "de", inputs={"corpus": corpus})
    config = TokenizerConfig(train=TokenizerTraining(corpus="de", vocab_size=250))
    return {"corpus": corpus, "tokenizer": build_tokenizer(config, run)}


def rows_of(run, manifest, folder):
    tables = [pq.read_table(run.store.local_path(manifest.key(e.path))) for e in manifest.files if folder in e.path]
    return pa.concat_tables(tables)


def test_rows_are_what_the_tokenizer_gives_without_special_tokens(make_run, inputs):
    run = make_run("tokens", inputs=inputs)
    made = tokenize_corpus(TokensConfig(), run)
    tokenizer = AutoTokenizer.from_pretrained(run.local_folder(inputs["tokenizer"], "tokenizer"))
    table = rows_of(run, made, "train/")
    assert table.schema.field("input_ids").type == pa.list_(pa.int32())
    source, number = table.column("id")[5].as_py().split("/d")
    assert source == "notes"
    expected = tokenizer(TEXTS[int(number)], add_special_tokens=False)["input_ids"]
    assert table.column("input_ids")[5].as_py() == expected
    assert not set(tokenizer.all_special_ids) & {i for ids in table.column("input_ids").to_pylist() for i in ids}


def test_training_and_held_out_documents_stay_apart_and_are_counted(make_run, inputs):
    run = make_run("tokens", inputs=inputs)
    made = tokenize_corpus(TokensConfig(documents_per_shard=20), run)
    counters = made.counters
    assert counters["in"] == counters["out"] == 60 == counters["train"] + counters["holdout"]
    for folder, counter in (("train/", "tokens"), ("holdout/", "holdout tokens")):
        table = rows_of(run, made, folder)
        entries = [entry for entry in made.files if entry.path.startswith(folder)]
        assert sum(entry.rows for entry in entries) == len(table)
        assert sum(entry.tokens for entry in entries) == counters[counter]
        assert counters[counter] == sum(len(ids) for ids in table.column("input_ids").to_pylist())
        assert all(entry.rows <= 20 for entry in entries)
    train, held = (set(rows_of(run, made, folder).column("id").to_pylist()) for folder in ("train/", "holdout/"))
    assert not train & held


def test_tokens_to_train_on_are_counted_by_source(make_run, make_documents, inputs):
    sources = {"notes": make_documents("notes", TEXTS[:20]), "letters": make_documents("letters", TEXTS[20:])}
    recipe = RecipeConfig(sources={"notes": {"weight": 2}, "letters": {}}, holdout_ratio=0.2, decontaminate=False)
    corpus = build_corpus(recipe, make_run("corpus", "both", inputs=sources))
    run = make_run("tokens", "both", inputs={**inputs, "corpus": corpus})
    made = tokenize_corpus(TokensConfig(), run)
    expected = Counter[str]()
    for row in rows_of(run, made, "train/").to_pylist():
        expected[row["id"].partition("/")[0]] += len(row["input_ids"])
    assert {name: made.counters[f"tokens: {name}"] for name in sources} == expected
    assert expected.total() == made.counters["tokens"]


def test_characters_per_token_are_measured_by_source(make_run, make_documents, inputs):
    texts = {"short": ["Fieber und Husten"], "long": ["Fieber und Husten und Fieber"]}
    recipe = RecipeConfig(sources={name: {} for name in texts}, holdout_ratio=0, decontaminate=False, min_characters=0)
    sources = {name: make_documents(name, parts) for name, parts in texts.items()}
    corpus = build_corpus(recipe, make_run("corpus", "two", inputs=sources))
    run = make_run("tokens", "two", inputs={**inputs, "corpus": corpus})
    made = tokenize_corpus(TokensConfig(), run)
    for name, (text,) in texts.items():
        expected = len(text) / made.counters[f"tokens: {name}"]
        assert made.metrics[f"characters_per_token: {name}"] == expected
    assert made.metrics["characters_per_token"] == (17 + 28) / made.counters["tokens"]


def test_the_order_of_documents_is_kept(make_run, inputs):
    run = make_run("tokens", inputs=inputs)
    ids = rows_of(run, tokenize_corpus(TokensConfig(documents_per_shard=7), run), "train/").column("id").to_pylist()
    assert ids == sorted(ids, key=lambda name: int(name.partition("/d")[2]))


def test_the_tokenizer_may_come_with_a_model(make_run, inputs):
    model_run = make_run("base-model", "gbert")
    folder = model_run.local_folder(inputs["tokenizer"], "tokenizer")
    model = model_run.publish("model", TokenizerConfig(model="x"), model_run.upload_folder(folder, "model"))
    with_model = tokenize_corpus(
        TokensConfig(), make_run("tokens", inputs={"corpus": inputs["corpus"], "model": model})
    )
    with_tokenizer = tokenize_corpus(TokensConfig(), make_run("tokens", fingerprint="e" * 64, inputs=inputs))
    assert with_model.files == with_tokenizer.files


def test_documents_without_a_token_are_dropped_and_unknown_characters_measured(make_run, make_documents, inputs):
    texts = ["Fieber", "Ж Ж", "\u200b"]
    recipe = RecipeConfig(sources={"n": {}}, holdout_ratio=0, decontaminate=False, min_characters=0)
    corpus = build_corpus(recipe, make_run("corpus", "odd", inputs={"n": make_documents("n", texts)}))
    made = tokenize_corpus(TokensConfig(), make_run("tokens", "odd", inputs={**inputs, "corpus": corpus}))
    assert (made.counters["in"], made.counters["out"], made.counters["dropped"]) == (3, 2, 1)
    assert made.metrics["unknown_ratio"] == 2 / made.counters["tokens"]


def test_a_corpus_without_tokens_is_refused(make_run, make_documents, inputs):
    recipe = RecipeConfig(sources={"n": {}}, holdout_ratio=0, decontaminate=False, min_characters=0)
    corpus = build_corpus(recipe, make_run("corpus", "no", inputs={"n": make_documents("n", ["\u200b"])}))
    with pytest.raises(EmptyCorpusError, match="no token to train on"):
        tokenize_corpus(TokensConfig(), make_run("tokens", "no", inputs={**inputs, "corpus": corpus}))
