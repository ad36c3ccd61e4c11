"""A token-classification model as further finder: any of Hugging Face's, such as one fine-tuned here on GraSCCo-PHI."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from gmlm.corpus.deidentification.identifiers import Identifier
from gmlm.corpus.deidentification.score import kind_of
from gmlm.errors import ModelMismatchError

WINDOW, STRIDE = 512, 128
"""Tokens of a window, and how many of them neighbouring windows share."""


def find_with_model(text: str, folder: Path) -> Iterator[Identifier]:
    """What the model marks, grown to whole words; windows of long texts overlap, and what any of them marks is found.

    Most models are trained to label the first piece of a word only, so what they say of the others means nothing.

    Raises:
        ModelMismatchError: The folder holds no token-classification model with a fast tokenizer.
    """
    import torch

    tokenizer, model = _loaded(folder)
    length = min(WINDOW, tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", WINDOW))
    encoded = tokenizer(
        text, truncation=True, max_length=length, stride=min(STRIDE, length // 4), return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )  # fmt: skip
    for ids, offsets in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        with torch.inference_mode():
            found = model(input_ids=torch.tensor([ids])).logits[0].argmax(-1).tolist()
        # Special tokens lie nowhere in the text, and models say anything of them.
        tokens = [(model.config.id2label[label], each) for label, each in zip(found, offsets, strict=True)]
        inside = [(label, (first, last)) for label, (first, last) in tokens if first < last]
        for each in _spans([label for label, _ in inside], [place for _, place in inside]):
            yield _whole_words(each, text)


def _whole_words(found: Identifier, text: str) -> Identifier:
    start, end = found.start, found.end
    while start > 0 and text[start].isalnum() and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    return replace(found, start=start, end=end)


def _spans(labels: list[str], offsets: list[tuple[int, int]]) -> Iterator[Identifier]:
    """Neighbouring tokens with the same label, prefixes of BIO aside, as one stretch."""
    start = end = 0
    current = ""
    for label, (first, last) in zip([*labels, "O"], [*offsets, (0, 0)], strict=True):
        plain = label.partition("-")[2] if label[:2] in ("B-", "I-") else label.replace("O", "", label == "O")
        if plain == current and not label.startswith("B-"):
            end = max(end, last)
            continue
        if current and start < end:
            yield Identifier(start, end, kind_of(current))
        start, end, current = first, last, plain


@cache
def _loaded(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        loaded = AutoModelForTokenClassification.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError):
        fix = "give the folder of a token-classification model, such as a finetune stage's model"
        raise ModelMismatchError("no token-classification model", where=str(folder), fix=fix) from None
    if not tokenizer.is_fast:
        raise ModelMismatchError("its tokenizer gives no offsets", where=str(folder), fix="save a fast tokenizer")
    return tokenizer, loaded.eval()
