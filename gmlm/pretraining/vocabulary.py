"""The stage `vocabulary`: a model whose tokenizer has new words, each beginning where its pieces are.

New rows of the embedding and of the output layer are the means of those of the word's former pieces (Hewitt 2021; for
domain words Gee et al. 2022, "Fast vocabulary transfer"): a word means at first what its pieces meant on average.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from gmlm.config import VocabularyConfig
from gmlm.errors import EmptyCorpusError, ModelMismatchError
from gmlm.manifest import Manifest
from gmlm.pretraining.added_words import add_words
from gmlm.pretraining.base_model import save_model
from gmlm.pretraining.electra import load_as_it_is, parts_of
from gmlm.pretraining.models import load_tokenizer
from gmlm.pretraining.new_words import frequent_words, pieces_of
from gmlm.shards import read_shards
from gmlm.stage import StageRun


def extend_vocabulary(config: VocabularyConfig, run: StageRun) -> Manifest:
    """Give the model of the role `base` new words: those listed, and the most useful ones of the role `corpus`.

    Raises:
        ModelMismatchError: Its tokenizer is of a kind that cannot take words, or does not keep them when it is saved.
        EmptyCorpusError: There is no new word among those listed or in the corpus.
    """
    folder = run.local_folder(run.inputs["base"], "model")
    old = load_tokenizer(folder, run.name)
    model = load_as_it_is(folder, run.name, run.seed)
    words = list(dict.fromkeys([*config.words, *_words_of_corpus(config, run, old)]))
    tokenizer, entries = add_words(old, words, run.name)
    if not entries:
        raise EmptyCorpusError(
            "no new word: the tokenizer has all of them",
            where=f"models.{run.name}.vocabulary",
            fix="leave it out, or lower 'min_documents' or 'min_pieces'",
        )
    added = _pieces_by_id(words, old, tokenizer)
    for part in parts_of(model):
        extend_embeddings(part, added, len(tokenizer))
    with tempfile.TemporaryDirectory(dir=run.scratch) as temporary:
        save_model(model, tokenizer, Path(temporary))
        _check_kept(words, tokenizer, Path(temporary), run.name)
        files = run.upload_folder(Path(temporary), "model")
    metrics = {"parameters": float(parts_of(model)[0].num_parameters()), "new_words": float(len(entries))}
    return run.publish("model", config, files, metrics=metrics)


def _words_of_corpus(config: VocabularyConfig, run: StageRun, tokenizer: Any) -> list[str]:
    if config.corpus is None:
        return []
    shards = read_shards(run.store, run.inputs["corpus"])
    return frequent_words(
        (text for shard in shards for text in shard.column("text").to_pylist()),
        tokenizer,
        number=config.number,
        min_documents=config.min_documents,
        min_pieces=config.min_pieces,
    )


def _pieces_by_id(words: list[str], old: Any, new: Any) -> dict[int, list[int]]:
    """For the id of each new word the old ids of its pieces."""
    before = len(old)
    pairs = zip(pieces_of(words, new), pieces_of(words, old), strict=True)
    return {ids[0]: pieces for ids, pieces in pairs if len(ids) == 1 and ids[0] >= before}


def extend_embeddings(model: PreTrainedModel, added: dict[int, list[int]], size: int) -> None:
    """Make room for `size` tokens, and set the rows of new ids to the means of the rows of their pieces.

    Spare rows that a published model has behind its vocabulary are used first.
    """
    if model.get_input_embeddings().weight.shape[0] < size:
        _resize(model, size)
    with torch.no_grad():
        for rows in _vocabulary_rows(model):
            means = [rows[pieces].mean(0) for pieces in added.values()]
            rows[list(added)] = torch.stack(means)


def _resize(model: PreTrainedModel, size: int) -> None:
    """Give the model room for `size` tokens.

    Heads of BERT and kin hold a bias twice. transformers ties the two while it resizes, also in a model that has them
    apart, whose output layer would then lose its bias when it is saved.
    """
    apart = not model.config.tie_word_embeddings
    model.resize_token_embeddings(size, mean_resizing=False)
    output = model.get_output_embeddings()
    for module in model.modules() if apart else ():
        if module is not output and getattr(module, "bias", None) is not None and module.bias is output.bias:
            module.bias = nn.Parameter(output.bias.detach().clone())


def _vocabulary_rows(model: PreTrainedModel) -> Iterator[torch.Tensor]:
    """The tensors of a model that have one row for each token; tied ones once."""
    output = model.get_output_embeddings()
    found = [model.get_input_embeddings().weight, getattr(output, "weight", None), getattr(output, "bias", None)]
    yield from {id(rows): rows for rows in found if rows is not None}.values()


def _check_kept(words: Sequence[str], tokenizer: Any, folder: Path, name: str) -> None:
    """What was saved must load again and take words apart as before it was saved."""
    loaded = load_tokenizer(folder, name)
    kept, made = (list(pieces_of(list(words), each)) for each in (loaded, tokenizer))
    if len(loaded) != len(tokenizer) or kept != made:
        raise ModelMismatchError(
            "the tokenizer loses new words when it is saved and loaded", where=name, fix="leave out 'vocabulary'"
        )
