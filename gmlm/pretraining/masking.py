"""Masking as in BERT (Devlin et al. 2019): of the chosen tokens 80 % become [MASK], 10 % random, 10 % stay.

Every choice is a hash of (seed, step, place in the batch), so it needs no generator state and no order of calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gmlm.errors import ModelMismatchError

MASKED_SHARE, RANDOM_SHARE = 0.8, 0.1
"""Shares of the chosen tokens that become [MASK] and a random token; the rest stays as it is."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Vocabulary:
    """What masking and packing must know of a tokenizer.

    Attributes:
        size: Number of tokens.
        cls: Id that opens a segment.
        sep: Id that closes it.
        pad: Id of padding.
        mask: Id of [MASK].
        special: For each id, whether it is a special token, which is never predicted (the unknown token is one).
        ordinary: Ids that a random replacement is drawn from: all but the special ones.
        continues_word: For each id, whether the token continues the word of the token before.
    """

    size: int
    cls: int
    sep: int
    pad: int
    mask: int
    special: npt.NDArray[np.bool_]
    ordinary: npt.NDArray[np.int64]
    continues_word: npt.NDArray[np.bool_]


def vocabulary_of(tokenizer: Any, name: str) -> Vocabulary:
    """Read the vocabulary of a Hugging Face tokenizer; `name` names it in errors.

    Raises:
        ModelMismatchError: It lacks one of the special tokens of masked language modelling.
    """
    named = {kind: getattr(tokenizer, f"{kind}_token_id") for kind in ("cls", "sep", "pad", "mask")}
    if missing := [kind for kind, token in named.items() if token is None]:
        raise ModelMismatchError(
            f"the tokenizer has no {', '.join(missing)} token", where=name, fix="use a tokenizer made for encoders"
        )
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    special = np.zeros(len(tokens), np.bool_)
    special[tokenizer.all_special_ids] = True
    return Vocabulary(
        len(tokens), **named, special=special, ordinary=np.flatnonzero(~special), continues_word=_continuations(tokens)
    )


def _continuations(tokens: list[str]) -> npt.NDArray[np.bool_]:
    """WordPiece marks continuations by ##; SentencePiece and byte-level BPE mark the beginnings of words instead."""
    if any(token.startswith("##") for token in tokens):
        return np.array([token.startswith("##") for token in tokens])
    return np.array([not token.startswith(("▁", "Ġ")) for token in tokens])


@dataclass(frozen=True)
class Masked:
    """A masked batch: ids with replacements, and which places are to be predicted. Shapes as the input."""

    input_ids: Array
    chosen: npt.NDArray[np.bool_]


def mask_tokens(
    ids: Array,
    maskable: npt.NDArray[np.bool_],
    places: Array,
    vocabulary: Vocabulary,
    *,
    rate: float,
    masking: Literal["token", "whole_word"],
    seed: int,
    step: int,
) -> Masked:
    """Choose and replace tokens of a batch.

    Args:
        ids: Ids (rows, columns).
        maskable: Places that hold ordinary text: neither special tokens nor padding.
        places: Number of each place within the whole step, unique over micro-batches and ranks.
        vocabulary: Of the tokenizer.
        rate: Share of the maskable tokens that is chosen; at least one token (or word) of each row is.
        masking: Choose token by token, or all pieces of a word together.
        seed: Of the phase.
        step: Of the optimiser.
    """
    if masking == "whole_word":
        luck = uniform(seed, step, 0, _first_piece(ids, maskable, places, vocabulary))
    else:
        luck = uniform(seed, step, 0, places)
    luck = np.where(maskable, luck, 2.0)
    chosen = (luck < rate) | ((luck == luck.min(axis=1, keepdims=True)) & maskable)
    return Masked(_replaced(ids, chosen, places, vocabulary, seed, step), chosen)


def _first_piece(ids: Array, maskable: Array, places: Array, vocabulary: Vocabulary) -> Array:
    """For each place the place of the first piece of its word; a word ends at a special token."""
    begins = ~vocabulary.continues_word[ids] | ~maskable
    begins[:, 1:] |= ~maskable[:, :-1]
    begins[:, 0] = True
    columns = np.where(begins, np.arange(ids.shape[1]), 0)
    return np.take_along_axis(places, np.maximum.accumulate(columns, axis=1), axis=1)


def _replaced(ids: Array, chosen: Array, places: Array, vocabulary: Vocabulary, seed: int, step: int) -> Array:
    result = ids.copy()
    places = places[chosen]
    fate = uniform(seed, step, 1, places)
    random = vocabulary.ordinary[(uniform(seed, step, 2, places) * len(vocabulary.ordinary)).astype(np.int64)]
    kept = np.where(fate < MASKED_SHARE + RANDOM_SHARE, random, ids[chosen])
    result[chosen] = np.where(fate < MASKED_SHARE, vocabulary.mask, kept)
    return result


def uniform(seed: int, step: int, draw: int, places: Array) -> npt.NDArray[np.float64]:
    """Numbers in [0, 1) by place: SplitMix64 (Steele et al. 2014) of a counter, keyed by seed, step and draw."""
    key = np.random.SeedSequence([seed, step, draw]).generate_state(1, np.uint64)[0]
    with np.errstate(over="ignore"):
        x = key + (places.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return np.asarray((x >> np.uint64(11)) * 2.0**-53, np.float64)
