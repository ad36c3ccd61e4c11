"""Translation with `transformers`' own `generate`: every architecture, and the reference for the faster engine."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSeq2SeqLM, GenerationConfig

from gmlm.config import DecodingConfig, RetryConfig
from gmlm.errors import ModelMismatchError
from gmlm.translation.engines.engine import Direction, TranslationModel
from gmlm.translation.engines.vocabulary import Vocabulary

DTYPES = {"int8": torch.float32, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""Arithmetic by compute type; int8 is CTranslate2's alone. Half precision applies to CUDA only."""


class TransformersEngine:
    """A model in PyTorch."""

    def __init__(self, model: TranslationModel, decoding: DecodingConfig, direction: Direction = "en-de") -> None:
        self._vocabulary = Vocabulary(model.folder, decoding.max_length, direction)
        self._device = _device(decoding)
        dtype = DTYPES[decoding.compute_type] if self._device == "cuda" else torch.float32
        self._model = _load(model.folder, dtype).to(self._device).eval()
        self._generation = self._generation_config(model.folder, decoding.beam_size)

    @property
    def source_limit(self) -> int:
        """Longest source segment in tokens."""
        return self._vocabulary.source_limit

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Lengths in tokens."""
        return self._vocabulary.lengths(texts)

    @torch.inference_mode()
    def translate(self, batch: Sequence[str], retry: RetryConfig | None = None) -> list[str]:
        """Translate segments, padded to the longest."""
        encoded = self._vocabulary.encode(batch)
        self._vocabulary.check(batch, encoded)
        padded = self._vocabulary.tokenizer.pad({"input_ids": encoded}, return_tensors="pt").to(self._device)
        output = self._model.generate(
            input_ids=padded["input_ids"],
            attention_mask=padded["attention_mask"],
            generation_config=self._generation if retry is None else self._retrying(retry),
        )
        return [self._vocabulary.decode(ids) for ids in output.tolist()]

    def _retrying(self, retry: RetryConfig) -> Any:
        config = copy(self._generation)
        config.num_beams = retry.beam_size
        config.no_repeat_ngram_size, config.repetition_penalty = retry.no_repeat_ngram_size, retry.repetition_penalty
        return config

    def _generation_config(self, folder: Path, beams: int) -> Any:
        """An explicit configuration: of the model's own only its special tokens are kept."""
        own, tokenizer = self._model.generation_config, self._vocabulary.tokenizer
        target = self._vocabulary.target_id
        return GenerationConfig(
            do_sample=False,
            num_beams=beams,
            max_new_tokens=self._vocabulary.target_limit,
            decoder_start_token_id=own.decoder_start_token_id,
            eos_token_id=own.eos_token_id if own.eos_token_id is not None else tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            bad_words_ids=own.bad_words_ids,
            forced_bos_token_id=own.forced_bos_token_id if target is None else target,
        )


def _device(decoding: DecodingConfig) -> str:
    if decoding.device != "auto":
        return decoding.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def _load(folder: Path, dtype: torch.dtype) -> Any:
    try:
        return AutoModelForSeq2SeqLM.from_pretrained(folder, use_safetensors=True, dtype=dtype)
    except (OSError, ValueError):
        raise ModelMismatchError(
            "not a sequence-to-sequence model with safetensors weights",
            where=folder.name,
            fix="name a translation model such as Helsinki-NLP/opus-mt-tc-big-en-de",
        ) from None
