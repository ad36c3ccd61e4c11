"""Whole words for the tokenizer of a model, as entries of its own vocabulary behind all others.

They are no "added tokens", which transformers cuts out of a text before the tokenizer sees it: normalisation, word
boundaries and whole-word masking work for new words as they do for old ones. All old ids stay.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from gmlm.errors import ModelMismatchError

NUDGE = 1e-3
"""By how much a new SentencePiece word is likelier than its pieces, in nats: so that it wins, and little else moves."""
UNKNOWN_PENALTY = 10.0
"""What SentencePiece takes off the least score for an unknown character (its constant kUnkPenalty)."""
KEPT = ("model_max_length", "model_input_names", "padding_side", "truncation_side", "clean_up_tokenization_spaces")


def add_words(tokenizer: Any, words: Sequence[str], name: str) -> tuple[Any, list[str]]:
    """A tokenizer with these words, and how its vocabulary writes them, in the order of their new ids.

    Words that are one token already, or that are not one word to the tokenizer, are left out. `name` names the
    tokenizer in errors.

    Raises:
        ModelMismatchError: It is no WordPiece, byte-level BPE or SentencePiece (Unigram) tokenizer, or adding words
            would change how it takes other words apart.
    """
    backend: Tokenizer | None = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or backend.pre_tokenizer is None:
        raise _cannot(name, "it is not made of the parts of the tokenizers library")
    settings = json.loads(backend.to_str())
    if (kind := settings["model"]["type"]) not in _ADD:
        raise _cannot(name, f"its kind is {kind!r}")
    known, entries = backend.get_vocab(), dict[str, None]()
    if len(known) != max(known.values()) + 1:
        raise _cannot(name, "its ids have gaps")
    for word in words:
        entry = _entry(backend, word)
        if entry is not None and entry not in known:
            entries[entry] = None
    if not entries:
        return tokenizer, []
    _fill_up(settings, len(tokenizer))
    _ADD[kind](settings["model"], list(entries), backend, name)
    made = _rebuilt(tokenizer, Tokenizer.from_str(json.dumps(settings)))
    return made, list(entries)


def _entry(backend: Tokenizer, word: str) -> str | None:
    """How the vocabulary writes a word behind a space; None where it is not one word to the tokenizer."""
    text = f" {word}" if backend.normalizer is None else backend.normalizer.normalize_str(f" {word}")
    parts = [part for part, _ in backend.pre_tokenizer.pre_tokenize_str(text) if part.strip()]
    return parts[0] if len(parts) == 1 else None


def _fill_up(settings: dict[str, Any], size: int) -> None:
    """Give special tokens that lie behind the vocabulary a place in it, as ids of a list are its places."""
    vocabulary = settings["model"]["vocab"]
    if isinstance(vocabulary, dict):
        vocabulary |= {token["content"]: token["id"] for token in settings["added_tokens"]}
        return
    behind = {token["id"]: token["content"] for token in settings["added_tokens"]}
    vocabulary += [[behind[place], 0.0] for place in range(len(vocabulary), size)]


def _add_wordpiece(model: dict[str, Any], entries: Sequence[str], backend: Tokenizer, name: str) -> None:
    model["vocab"] |= {entry: token for token, entry in enumerate(entries, start=len(model["vocab"]))}


def _add_unigram(model: dict[str, Any], entries: Sequence[str], backend: Tokenizer, name: str) -> None:
    """A new word scores a little more than its pieces together, and no less than the least of the old ones.

    The score of unknown characters hangs on the least one, so it must not fall.
    """
    scores = dict(model["vocab"])
    least = min(scores.values())
    unknown = least - UNKNOWN_PENALTY
    for entry in entries:
        together = sum(scores.get(token.value, unknown) for token in backend.model.tokenize(entry))
        model["vocab"].append([entry, max(least, together + NUDGE)])


def _add_bpe(model: dict[str, Any], entries: Sequence[str], backend: Tokenizer, name: str) -> None:
    """A word that is in the vocabulary as a whole is taken before any merge; new merges would change other words."""
    if not model.get("ignore_merges"):
        special = {token.content for token in backend.get_added_tokens_decoder().values()}
        unmade = [
            token
            for token in model["vocab"]
            if token not in special and len(backend.model.tokenize(token)) > 1 and _is_a_word(backend, token)
        ]
        if unmade:
            raise _cannot(name, f"its merges never make {len(unmade)} of its words, which would come into use")
    _add_wordpiece(model, entries, backend, name)
    model["ignore_merges"] = True


def _is_a_word(backend: Tokenizer, token: str) -> bool:
    """Whether a text could hold the token as a whole word, so that it would be looked up."""
    text = backend.decoder.decode([token]) if backend.decoder is not None else token
    return [part for part, _ in backend.pre_tokenizer.pre_tokenize_str(text)] == [token]


def _rebuilt(tokenizer: Any, backend: Tokenizer) -> Any:
    """The tokenizer around another backend; in a class that loads the backend as it stands in tokenizer.json.

    The classes of transformers for BERT, RoBERTa and so on build theirs anew from vocabulary and merges alone.
    """
    settings = {key: getattr(tokenizer, key) for key in KEPT if hasattr(tokenizer, key)}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **settings, **tokenizer.special_tokens_map)


def _cannot(name: str, why: str) -> ModelMismatchError:
    return ModelMismatchError(
        f"no words can be added to the tokenizer: {why}",
        where=name,
        fix="leave out 'vocabulary', or start from a model with a WordPiece, byte-level BPE or SentencePiece tokenizer",
    )


_ADD = {"WordPiece": _add_wordpiece, "Unigram": _add_unigram, "BPE": _add_bpe}
"""How words enter each kind of vocabulary."""
