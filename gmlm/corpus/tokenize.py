"""The tokens stage: a corpus tokenised once, so that training only reads numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa

from gmlm.config.corpora import TokensConfig
from gmlm.corpus.build import HOLDOUT
from gmlm.corpus.tokenizer import FOLDER, load_tokenizer
from gmlm.errors import EmptyCorpusError
from gmlm.manifest import FileEntry, Manifest
from gmlm.shards import CHARACTERS_PER_TOKEN, DOCUMENTS, ShardWriter, read_shards
from gmlm.stage import StageRun
from gmlm.telemetry import Progress, progress

TOKEN_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("input_ids", pa.list_(pa.int32()), nullable=False),
    ]
)
TRAIN = "train"
"""Folder of the tokenised training documents."""
BATCH = 256
"""Documents given to the tokenizer at once."""


@dataclass
class TokenCount:
    """What tokenising counted."""

    read: int = 0
    out: int = 0
    tokens: int = 0
    unknown: int = 0
    characters: int = 0
    by_source: Counter[str] = field(default_factory=Counter)
    characters_by_source: Counter[str] = field(default_factory=Counter)
    entries: list[FileEntry] = field(default_factory=list)


def tokenize_corpus(config: TokensConfig, run: StageRun) -> Manifest:
    """Tokenise the training and held-out documents of a corpus, without special tokens and without cutting.

    The tokenizer is that of the role `tokenizer`, or the one in the folder of the role `model`. A row's id is
    `SOURCE/ID` of its document. in = out + dropped; dropped are documents without a single token. The counters
    `tokens: SOURCE` tell the tokens to train on of each source, repeats included. The metrics `characters_per_token`
    and `characters_per_token: SOURCE` are of training and held-out documents together.

    Raises:
        EmptyCorpusError: There is no token to train on.
    """
    tokenizer = _tokenizer(run)
    corpus = run.inputs["corpus"]
    with progress(f"tokens {run.name}", total=_rows(corpus), unit="documents") as bar:
        train = _tokenize_part(DOCUMENTS, TRAIN, config, run, tokenizer, bar)
        holdout = _tokenize_part(HOLDOUT, HOLDOUT, config, run, tokenizer, bar)
    if not train.tokens:
        raise EmptyCorpusError(
            "no token to train on", where=f"corpus {corpus.name}", fix="check its sources and recipe"
        )
    return run.publish(
        "tokens",
        config,
        [*train.entries, *holdout.entries],
        counters=_counters(train, holdout),
        metrics=_metrics(train, holdout),
    )


def _tokenizer(run: StageRun) -> Any:
    if (made := run.inputs.get("tokenizer")) is not None:
        return load_tokenizer(str(run.local_folder(made, FOLDER)))
    return load_tokenizer(str(run.local_folder(run.inputs["model"], "model")))


def _tokenize_part(
    folder: str, target: str, config: TokensConfig, run: StageRun, tokenizer: Any, bar: Progress
) -> TokenCount:
    """Tokenise the documents of one folder of the corpus into shards of another."""
    count = TokenCount()
    writer = ShardWriter(run, TOKEN_SCHEMA, folder=target, rows_per_shard=config.documents_per_shard + 1)
    rows = _tokenized(run, folder, tokenizer, count, bar)
    while shard := list(islice(rows, config.documents_per_shard)):
        tokens = sum(len(row["input_ids"]) for row in shard)
        for row in shard:
            writer.write(row)
        writer.flush()
        count.entries.append(writer.entries[-1].model_copy(update={"tokens": tokens}))
        count.tokens += tokens
        count.out += len(shard)
    return count


def _tokenized(
    run: StageRun, folder: str, tokenizer: Any, count: TokenCount, bar: Progress
) -> Iterator[dict[str, Any]]:
    """The rows of the documents that have tokens."""
    for shard in read_shards(run.store, run.inputs["corpus"], folder):
        for batch in shard.to_batches(BATCH):
            rows = batch.to_pylist()
            texts = [row["text"] for row in rows]
            encoded = tokenizer(
                texts,
                add_special_tokens=False,
                return_attention_mask=False,
                return_token_type_ids=False,
                truncation=False,
                verbose=False,
            )["input_ids"]
            count.read += len(rows)
            count.characters += sum(map(len, texts))
            bar.advance(len(rows))
            for row, ids in zip(rows, encoded, strict=True):
                count.characters_by_source[row["source"]] += len(row["text"])
                count.unknown += ids.count(tokenizer.unk_token_id)
                count.by_source[row["source"]] += len(ids)
                if ids:
                    yield {"id": f"{row['source']}/{row['id']}", "input_ids": ids}


def _rows(corpus: Manifest) -> int:
    return sum(entry.rows or 0 for entry in corpus.files if entry.path.endswith(".parquet"))


def _counters(train: TokenCount, holdout: TokenCount) -> dict[str, int]:
    read, out = train.read + holdout.read, train.out + holdout.out
    counts = {"in": read, "out": out, "dropped": read - out, "train": train.out, "holdout": holdout.out}
    by_source = {f"tokens: {source}": tokens for source, tokens in sorted(train.by_source.items())}
    return {**counts, "tokens": train.tokens, **by_source, "holdout tokens": holdout.tokens}


def _metrics(train: TokenCount, holdout: TokenCount) -> dict[str, float]:
    tokens = train.tokens + holdout.tokens
    unknown = (train.unknown + holdout.unknown) / tokens
    by_source = train.by_source + holdout.by_source
    characters = train.characters_by_source + holdout.characters_by_source
    return {
        "unknown_ratio": unknown,
        CHARACTERS_PER_TOKEN: (train.characters + holdout.characters) / tokens,
        **{
            f"{CHARACTERS_PER_TOKEN}: {source}": characters[source] / count
            for source, count in sorted(by_source.items())
        },
    }
