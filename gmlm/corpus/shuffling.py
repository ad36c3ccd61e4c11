"""Corpora without language, as a negative control: the words stay, their order goes.

Text shuffled within documents still teaches which words occur together, and encoders trained on it lose little on many
tasks (Sinha et al. 2021, arXiv 2104.06644). Shuffled over many documents, little but the words' frequency is left.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any, Literal

from gmlm.manifest import FileEntry
from gmlm.shards import ShardWriter

BLOCK = 1_000
"""Documents whose words are shuffled together, at most."""
_WORD = re.compile(r"\S+")


class ShufflingWriter:
    """Stands before a shard writer and puts the words of documents in random order.

    Number of words, layout and ids of each document stay; words move within it or within a block of `BLOCK` documents.
    """

    def __init__(self, writer: ShardWriter, scope: Literal["document", "corpus"], seed: int) -> None:
        self._writer, self._size = writer, BLOCK if scope == "corpus" else 1
        self._generator = random.Random(f"shuffle/{seed}")
        self._block: list[Mapping[str, Any]] = []

    @property
    def entries(self) -> list[FileEntry]:
        """The shards published so far."""
        return self._writer.entries

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a document."""
        self._block.append(row)
        if len(self._block) >= self._size:
            self._pass_on()

    def flush(self) -> None:
        """Publish what is held back."""
        self._pass_on()
        self._writer.flush()

    def _pass_on(self) -> None:
        words = [word for row in self._block for word in _WORD.findall(row["text"])]
        self._generator.shuffle(words)
        drawn = iter(words)
        for row in self._block:
            self._writer.write({**row, "text": _WORD.sub(lambda _: next(drawn), row["text"])})
        self._block.clear()
