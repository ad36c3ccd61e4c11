"""Which words a tokenizer should get: those of a corpus that it takes apart most often."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

WORD = re.compile(r"[^\W\d_]{3,}")
"""Letters only: numbers, codes and names with digits stay in pieces."""
BATCH = 4096
"""Words given to the tokenizer at once."""


def frequent_words(
    documents: Iterable[str], tokenizer: Any, *, number: int, min_documents: int, min_pieces: int
) -> list[str]:
    """The words that would save most tokens, best first: documents that have the word, times its pieces less one.

    Args:
        documents: Texts; a word counts once in each.
        tokenizer: A Hugging Face tokenizer.
        number: Most words to return.
        min_documents: A word of fewer documents is left out: its row would hardly be trained, and it may be a name.
        min_pieces: A word that the tokenizer takes into fewer pieces is left out.
    """
    counts: Counter[str] = Counter()
    for text in documents:
        counts.update(set(WORD.findall(text)))
    words = sorted(word for word, count in counts.items() if count >= min_documents)
    pieces = {word: len(ids) for word, ids in zip(words, pieces_of(words, tokenizer), strict=True)}
    wanted = [word for word in words if pieces[word] >= min_pieces]
    return sorted(wanted, key=lambda word: (-counts[word] * (pieces[word] - 1), word))[:number]


def pieces_of(words: list[str], tokenizer: Any) -> Iterator[list[int]]:
    """The ids of each word as it stands behind a space, without special tokens."""
    for start in range(0, len(words), BATCH):
        batch = [f" {word}" for word in words[start : start + BATCH]]
        yield from tokenizer(batch, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
