"""Tokenised shards come back as the documents that were written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from gmlm.config import TokensConfig
from gmlm.corpus.tokenize import TOKEN_SCHEMA
from gmlm.errors import DataFormatError, StorageError
from gmlm.manifest import Manifest
from gmlm.pretraining.tokens import read_tokens
from gmlm.shards import ShardWriter
from gmlm.stage import StageRun

MakeRun = Callable[..., StageRun]


def test_documents_of_all_shards_are_read_in_order(make_run: MakeRun, make_tokens: Callable[..., Manifest]) -> None:
    texts = [[5 + i] * (i % 4) for i in range(50)]  # Three shards; some documents are empty.
    manifest = make_tokens(texts, [[9, 8]])
    corpus = read_tokens(make_run("tokens").store, manifest, "train")
    assert corpus.ids.dtype == np.int32
    assert [piece.tolist() for piece in np.split(corpus.ids, corpus.offsets[1:-1])] == texts
    assert (corpus.documents, corpus.empty_documents) == (50, 13)
    assert read_tokens(make_run("tokens").store, manifest, "holdout").ids.tolist() == [9, 8]


def test_a_side_without_shards_is_empty(make_run: MakeRun, make_tokens: Callable[..., Manifest]) -> None:
    corpus = read_tokens(make_run("tokens").store, make_tokens([[5]]), "holdout")
    assert (corpus.documents, len(corpus.ids)) == (0, 0)


def test_shards_of_something_else_are_named(make_run: MakeRun) -> None:
    run = make_run("tokens", "other")
    writer = ShardWriter(run, pa.schema([("text", pa.string())]), folder="train")
    writer.write({"text": "secret"})
    writer.flush()
    manifest = run.publish("tokens", TokensConfig(), writer.entries)
    with pytest.raises(DataFormatError, match="input_ids") as caught:
        read_tokens(run.store, manifest, "train")
    assert "secret" not in str(caught.value)


def test_a_shard_that_was_changed_is_refused(make_run: MakeRun, make_tokens: Callable[..., Manifest]) -> None:
    manifest, store = make_tokens([[5, 6]]), make_run("tokens").store
    store.write(manifest.key("train/00000.parquet"), b"changed")
    with pytest.raises(StorageError):
        read_tokens(store, manifest, "train")


def test_documents_know_their_source_if_asked(make_run: Callable[..., StageRun]) -> None:
    run = make_run("tokens", "s")
    writer = ShardWriter(run, TOKEN_SCHEMA, folder="holdout", rows_per_shard=2)
    for identity in ("notes/1", "letters/a/b", "notes/2"):
        writer.write({"id": identity, "input_ids": [5]})
    writer.flush()
    manifest = run.publish("tokens", TokensConfig(), writer.entries)
    corpus = read_tokens(run.store, manifest, "holdout", by_source=True)
    assert [corpus.sources[number] for number in corpus.source_of] == ["notes", "letters", "notes"]
    assert read_tokens(run.store, manifest, "holdout").source_of is None
