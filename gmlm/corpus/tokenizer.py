"""The tokenizer stage: trains a tokenizer on a corpus, or takes a model's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from transformers import AutoTokenizer

from gmlm.config.corpora import TokenizerConfig, TokenizerTraining
from gmlm.config.paths import resolve_model
from gmlm.corpus.wordpiece import train_wordpiece
from gmlm.errors import EmptyCorpusError, InputNotFoundError
from gmlm.manifest import Manifest
from gmlm.shards import read_shards
from gmlm.stage import StageRun
from gmlm.telemetry import progress

FOLDER = "tokenizer"
"""Folder of the tokenizer's files within the data set."""


def build_tokenizer(config: TokenizerConfig, run: StageRun) -> Manifest:
    """Publish a tokenizer as the folder that `AutoTokenizer.from_pretrained` loads.

    Raises:
        InputNotFoundError: The model whose tokenizer is wanted does not exist.
        EmptyCorpusError: The corpus to train on holds no document.
    """
    tokenizer = _train(config.train, run) if config.train is not None else _take(str(config.model), run)
    folder = run.scratch / FOLDER
    for machine in ("local_files_only", "is_local"):  # or the bytes would tell whether this machine was offline
        tokenizer.init_kwargs.pop(machine, None)
    tokenizer.save_pretrained(str(folder))
    metrics = {"vocabulary": float(len(tokenizer))}
    return run.publish("tokenizer", config, run.upload_folder(folder, FOLDER), metrics=metrics)


def load_tokenizer(folder: str) -> Any:
    """Load a tokenizer from a local folder or the Hub.

    Raises:
        InputNotFoundError: There is none.
    """
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError):
        fix = (
            "give a folder with a tokenizer's files, or the name of a model of the Hub that can be reached or is cached"
        )
        raise InputNotFoundError("no tokenizer found", where=folder, fix=fix) from None


def _take(model: str, run: StageRun) -> Any:
    """The tokenizer of a model of the study, of a local folder or of the Hub."""
    if (made := run.inputs.get("model")) is not None:
        return load_tokenizer(str(run.local_folder(made, "model")))
    folder = resolve_model(model, run.study_folder)
    return load_tokenizer(str(folder) if folder else model)


def _train(config: TokenizerTraining, run: StageRun) -> Any:
    corpus = run.inputs["corpus"]
    documents = corpus.counters.get("train")
    with progress(f"tokenizer {run.name}", total=documents and 2 * documents, unit="documents") as bar:

        def texts() -> Iterator[str]:
            for shard in read_shards(run.store, corpus):
                for text in shard.column("text").to_pylist():
                    yield text
                    bar.advance()

        if next(texts(), None) is None:
            raise EmptyCorpusError("no document to train on", where=f"recipes.{config.corpus}", fix="add sources to it")
        return train_wordpiece(texts, config)
