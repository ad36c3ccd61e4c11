"""A translation model's tokenizer, with what it needs to be told to translate from English into German, or back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer

from gmlm.errors import ModelMismatchError
from gmlm.translation.engines.engine import Direction

TARGET_LABELS: dict[Direction, tuple[str, ...]] = {"en-de": (">>deu<<", ">>de<<"), "de-en": (">>eng<<", ">>en<<")}
"""What multilingual Marian models (Tatoeba Challenge) expect before the source, where their vocabulary has it."""
LANGUAGE_CODES: dict[str, tuple[str, str]] = {
    "M2M100Tokenizer": ("en", "de"),
    "NllbTokenizer": ("eng_Latn", "deu_Latn"),
}
"""English and German codes of the multilingual tokenizers."""
MADLAD_PREFIXES: dict[Direction, str] = {"en-de": "<2de> ", "de-en": "<2en> "}
"""What MADLAD-400 (Kudugunta et al. 2023) expects before the source; a token of its vocabulary."""
T5_PREFIXES: dict[Direction, str] = {
    "en-de": "translate English to German: ",
    "de-en": "translate German to English: ",
}
"""What T5 was trained with (Raffel et al. 2020, appendix D), and the same for the way back."""
TARGET_GROWTH = 2
"""Outputs may have this many times the tokens of the longest source."""


class Vocabulary:
    """Turns segments into tokens and back.

    Attributes:
        tokenizer: The Hugging Face tokenizer.
        target_token: Token that the decoder is made to begin with, in multilingual models; None in others.
        target_id: Its number.
        source_limit: Longest source in tokens: the least of what configuration, tokenizer and positions allow.
        target_limit: Longest output in tokens.
    """

    def __init__(self, folder: Path, max_length: int, direction: Direction = "en-de") -> None:
        config = AutoConfig.from_pretrained(folder)
        self.tokenizer = _tokenizer(folder)
        self._direction = direction
        self._numbered = config.model_type == "fsmt"
        self.target_token = self._set_languages()
        self.target_id = self.tokenizer.convert_tokens_to_ids(self.target_token) if self.target_token else None
        self._prefix = self._source_prefix(config.model_type)
        positions = int(getattr(config, "max_position_embeddings", None) or 1_000_000)
        self.source_limit = min(max_length, int(self.tokenizer.model_max_length), positions)
        self.target_limit = min(TARGET_GROWTH * self.source_limit, positions)

    def _set_languages(self) -> str | None:
        """Tell a multilingual tokenizer its source language; returns the token of the target language."""
        codes = LANGUAGE_CODES.get(type(self.tokenizer).__name__)
        if codes is None:
            return None
        codes = codes if self._direction == "en-de" else (codes[1], codes[0])
        self.tokenizer.src_lang = codes[0]
        as_token = getattr(self.tokenizer, "get_lang_token", str)
        return str(as_token(codes[1]))

    def _source_prefix(self, model_type: str) -> str:
        """What the model expects before each source."""
        if model_type in ("t5", "mt5", "umt5"):
            madlad = MADLAD_PREFIXES[self._direction]
            known = self.tokenizer.convert_tokens_to_ids(madlad.strip()) != self.tokenizer.unk_token_id
            return madlad if known else T5_PREFIXES[self._direction]
        labels = getattr(self.tokenizer, "supported_language_codes", ())
        return next((f"{label} " for label in TARGET_LABELS[self._direction] if label in labels), "")

    def source_tokens(self, ids: Sequence[int]) -> list[str]:
        """Source tokens as a converted model names them."""
        if self._numbered:
            return [str(number) for number in ids]
        tokens: list[str] = self.tokenizer.convert_ids_to_tokens(ids)
        return tokens

    def target_ids(self, tokens: Sequence[str]) -> list[int]:
        """Numbers of the tokens that a converted model gave."""
        if self._numbered:
            return [int(token) for token in tokens]
        ids: list[int] = self.tokenizer.convert_tokens_to_ids(tokens)
        return ids

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, ending with the end of sequence; never truncated."""
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer([self._prefix + text for text in texts], verbose=False)["input_ids"]
        return ids

    def encode_targets(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of German texts as outputs."""
        ids: list[list[int]] = self.tokenizer(text_target=list(texts), verbose=False)["input_ids"]
        return ids

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Lengths in tokens."""
        return [len(ids) for ids in self.encode(texts)]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an output, without special tokens and without the language that it was made to begin with."""
        own = [number for number in ids if number != self.target_id]
        return str(self.tokenizer.decode(own, skip_special_tokens=True, clean_up_tokenization_spaces=False)).strip()

    def check(self, texts: Sequence[str], encoded: Sequence[Sequence[int]]) -> None:
        """Refuse segments over the limit: the caller splits them, and a model would silently cut them."""
        longest = max((len(ids) for ids in encoded), default=0)
        if longest > self.source_limit:
            raise ModelMismatchError(
                f"a segment of {longest} tokens exceeds the translator's {self.source_limit}",
                fix="split over-long segments before translating",
            )


def _tokenizer(folder: Path) -> Any:
    try:
        return AutoTokenizer.from_pretrained(folder)
    except ImportError as error:
        package = "sacremoses" if "sacremoses" in str(error) else "another package"
        raise ModelMismatchError(
            f"its tokenizer needs {package}", where=folder.name, fix=f"install it: pip install {package}"
        ) from None
