"""Token classification: spans as IOB2 tags of tokens, decoded as the best valid sequence of tags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import AutoModelForTokenClassification

from gmlm.config import FinetuneConfig
from gmlm.finetuning.batching import Batch, TrainingItem, padded, run_windows
from gmlm.finetuning.examples import Example, SpanDocument
from gmlm.finetuning.objective import Encoder, Predicted
from gmlm.finetuning.spans import OUTSIDE, Offsets, decode_spans, encode_spans, tag_names
from gmlm.finetuning.windows import TokenizedText, Window, merge_windows, tokenize
from gmlm.training.heads import run_with_head

IGNORED = -100
"""Target of tokens without a tag, such as special ones, which the cross entropy leaves out."""
_WORD = re.compile(r"\w+|[^\w\s]")


class TokenClassification:
    """Tags every token; long texts are read through windows whose outputs are merged token by token."""

    def __init__(self, encoder: Encoder, config: FinetuneConfig, labels: Sequence[str]) -> None:
        self._encoder, self._windower = encoder, encoder.windower(config)
        self._tags, self._by_word = tag_names(labels), config.tagging == "words"
        self.unplaceable = 0

    def load_model(self) -> nn.Module:
        """The encoder with a fresh layer of one logit a tag."""
        names = dict(enumerate(self._tags))
        ids = {tag: index for index, tag in names.items()}
        return self._encoder.with_head(AutoModelForTokenClassification, id2label=names, label2id=ids)

    def training_items(self, examples: Sequence[Example]) -> list[TrainingItem]:
        """One item a window; the target is a tag index for each input id."""
        items = []
        for document, tokens, windows in self._read(examples):
            tagged = self._tagged(document, tokens)
            tags, unplaceable = encode_spans(document.spans, _extents(tagged, tokens.offsets))
            self.unplaceable += unplaceable
            indices = [IGNORED] * len(tokens.ids)
            for token, tag in zip(tagged, tags, strict=True):
                indices[token] = self._tags.index(tag)
            items += [TrainingItem((window,), _target(window, indices)) for window in windows]
        return items

    def _tagged(self, document: SpanDocument, tokens: TokenizedText) -> list[int]:
        """The tokens that get a tag."""
        return word_starts(document.text, tokens.offsets) if self._by_word else list(range(len(tokens.ids)))

    def _read(self, examples: Sequence[Example]) -> list[tuple[SpanDocument, TokenizedText, list[Window]]]:
        documents = [example for example in examples if isinstance(example, SpanDocument)]
        texts = tokenize(self._encoder.tokenizer, [document.text for document in documents])
        windows = [self._windower.windows(index, tokens) for index, tokens in enumerate(texts)]
        return list(zip(documents, texts, windows, strict=True))

    def collate(self, items: Sequence[TrainingItem]) -> Batch:
        """The windows, padded, with their `labels`."""
        batch = self._encoder.padding.tensors([item.windows[0] for item in items])
        longest = batch["input_ids"].shape[1]
        return {**batch, "labels": padded([item.target for item in items], longest, IGNORED)}

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """Cross entropy, mean over the tokens."""
        loss: torch.Tensor = run_with_head(model, batch).loss
        return loss

    def outputs(self, model: nn.Module, examples: Sequence[Example], description: str) -> list[Any]:
        """Of each text what gets a tag, each first and last character, and its logits, (as many, tags)."""
        read = self._read(examples)
        every = [window for _, _, windows in read for window in windows]
        rows = iter(run_windows(model, every, self._encoder.padding, lambda result: result.logits, description))
        found = []
        for document, tokens, windows in read:
            tagged = self._tagged(document, tokens)
            logits = merge_windows(windows, [next(rows) for _ in windows], len(tokens.ids))
            found.append((_extents(tagged, tokens.offsets), logits[tagged]))
        return found

    def tune(self, outputs: Sequence[Any], dev: Sequence[Example]) -> float | None:
        """There is nothing to tune."""
        return None

    def decide(self, outputs: Sequence[Any], examples: Sequence[Example], threshold: float | None) -> list[Predicted]:
        """Spans as `{"start", "end", "label"}`, in the order of the text."""
        return [
            [vars(span) for span in decode_spans(best_tags(logits, self._tags), offsets)] for offsets, logits in outputs
        ]


def word_starts(text: str, offsets: Sequence[Offsets]) -> list[int]:
    """The tokens that words begin with, and the first one; a word is a run of letters and digits, or a mark."""
    starts = {word.start() for word in _WORD.finditer(text)}
    return [i for i, (start, end) in enumerate(offsets) if i == 0 or (start in starts and end > start)]


def _extents(tagged: Sequence[int], offsets: Sequence[Offsets]) -> list[Offsets]:
    """Characters of each tagged token with those up to the next tagged one."""
    ends = [offsets[following - 1][1] for following in [*tagged[1:], len(offsets)]] if tagged else []
    return [(offsets[token][0], end) for token, end in zip(tagged, ends, strict=True)]


def _target(window: Window, indices: Sequence[int]) -> list[int]:
    behind = len(window.ids) - window.prefix - (window.end - window.start)
    return [IGNORED] * window.prefix + list(indices[window.start : window.end]) + [IGNORED] * behind


def best_tags(logits: NDArray[np.float32], tags: Sequence[str]) -> list[str]:
    """The valid IOB2 sequence of the highest total logit (Viterbi): `I-X` only follows `B-X` or `I-X`.

    The softmax over the tags of one token shifts all its logits alike, so sums of logits rank as sums of log
    probabilities do.

    Args:
        logits: (tokens, tags).
        tags: Names of the tags, as `tag_names` orders them.
    """
    if not len(logits):
        return []
    inside = np.arange(2, len(tags), 2)
    score = logits[0].astype(np.float64)
    score[inside] = -np.inf
    origins = []
    for row in logits[1:]:
        origin = np.full(len(tags), score.argmax())
        origin[inside] = np.where(score[inside] >= score[inside - 1], inside, inside - 1)
        origins.append(origin)
        score = score[origin] + row
    path = [int(score.argmax())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    assert tags[0] == OUTSIDE
    return [tags[index] for index in reversed(path)]
