"""Masking as in BERT (Devlin et al. 2019): of the chosen tokens 80 % become [MASK], 10 % random, 10 % stay.

Chosen are tokens, words, or spans of words (SpanBERT, Joshi et al. 2020): until the mask rate is spent, spans begin at
random words and are as long as a geometric distribution (p = 0.2, at most 10 words) says. Every choice is a hash of
(seed, step, place in the batch), so it needs no generator state and no order of calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gmlm.errors import ModelMismatchError

MASKED_SHARE, RANDOM_SHARE = 0.8, 0.1
"""Shares of the chosen tokens that become [MASK] and a random token; the rest stays as it is."""

SPAN_STOP, LONGEST_SPAN = 0.2, 10
"""Probability that a span ends after each of its words, and its greatest length in words (SpanBERT, section 3.1)."""

FILLING = 5
"""Number of the draw by which a generator fills in a masked place; masking itself uses those below."""

Masking = Literal["token", "whole_word", "span"]
Replacement = Literal["80-10-10", "mask"]
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
    # EuroBERT's tokenizer, made after Llama's, calls them beginning and end of text.
    for kind, other in (("cls", "bos"), ("sep", "eos")):
        named[kind] = getattr(tokenizer, f"{other}_token_id") if named[kind] is None else named[kind]
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
    masking: Masking,
    seed: int,
    step: int,
    replacement: Replacement = "80-10-10",
) -> Masked:
    """Choose and replace tokens of a batch.

    Args:
        ids: Ids (rows, columns).
        maskable: Places that hold ordinary text: neither special tokens nor padding.
        places: Number of each place within the whole step, unique over micro-batches and ranks.
        vocabulary: Of the tokenizer.
        rate: Share of the maskable tokens that is chosen; at least one token (or word) of each row is.
        masking: Choose token by token, all pieces of a word together, or spans of words.
        seed: Of the phase.
        step: Of the optimiser.
        replacement: What becomes of the chosen tokens.
    """
    if masking == "span":
        chosen = _spans(ids, maskable, places, vocabulary, rate, (seed, step))
        return Masked(_replaced(ids, chosen, places, vocabulary, seed, step, replacement), chosen)
    if masking == "whole_word":
        luck = uniform(seed, step, 0, _first_piece(ids, maskable, places, vocabulary))
    else:
        luck = uniform(seed, step, 0, places)
    luck = np.where(maskable, luck, 2.0)
    chosen = (luck < rate) | ((luck == luck.min(axis=1, keepdims=True)) & maskable)
    return Masked(_replaced(ids, chosen, places, vocabulary, seed, step, replacement), chosen)


def _spans(
    ids: Array, maskable: Array, places: Array, vocabulary: Vocabulary, rate: float, key: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Spans of words, in each row until the rate is spent; the last one is cut where it is, so the rate is exact."""
    begins = _word_begins(ids, maskable, vocabulary)
    luck, coin = uniform(*key, 0, places), uniform(*key, 3, places)
    lengths = np.minimum(1 + np.floor(np.log1p(-coin) / np.log1p(-SPAN_STOP)), LONGEST_SPAN).astype(np.int64)
    chosen = np.zeros(ids.shape, np.bool_)
    for row in range(len(ids)):
        size = int(maskable[row].sum())
        # Rounded up or down by chance, so that short rows have the rate on average; each has something to predict.
        budget = min(size, max(1, int(rate * size + float(uniform(*key, 4, places[row, :1])[0]))))
        _spend(chosen[row], budget, begins[row], maskable[row], luck[row], lengths[row])
    return chosen


def _spend(chosen: Array, budget: int, begins: Array, maskable: Array, luck: Array, lengths: Array) -> None:
    """Choose spans of one row, from the luckiest word on, until so many tokens are chosen."""
    firsts = np.flatnonzero(begins)  # special tokens and padding count as words, at which spans end
    ends = np.append(firsts[1:], len(begins))
    words = np.flatnonzero(maskable[firsts])
    for word in words[np.argsort(luck[firsts[words]], kind="stable")]:
        if budget <= 0:
            return
        stop = word + int(lengths[firsts[word]])
        for inside in range(word, min(stop, len(firsts))):
            if not maskable[firsts[inside]] or budget <= 0:
                break
            free = np.flatnonzero(~chosen[firsts[inside] : ends[inside]])[:budget] + firsts[inside]
            chosen[free] = True
            budget -= len(free)


def _word_begins(ids: Array, maskable: Array, vocabulary: Vocabulary) -> npt.NDArray[np.bool_]:
    """Whether a word begins at each place; every special token is one, and ends the word before it."""
    begins = ~vocabulary.continues_word[ids] | ~maskable
    begins[:, 1:] |= ~maskable[:, :-1]
    begins[:, 0] = True
    return np.asarray(begins, np.bool_)


def _first_piece(ids: Array, maskable: Array, places: Array, vocabulary: Vocabulary) -> Array:
    """For each place the place of the first piece of its word."""
    begins = _word_begins(ids, maskable, vocabulary)
    columns = np.where(begins, np.arange(ids.shape[1]), 0)
    return np.take_along_axis(places, np.maximum.accumulate(columns, axis=1), axis=1)


def _replaced(
    ids: Array,
    chosen: Array,
    places: Array,
    vocabulary: Vocabulary,
    seed: int,
    step: int,
    replacement: Replacement,
) -> Array:
    result = ids.copy()
    if replacement == "mask":
        result[chosen] = vocabulary.mask
        return result
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
