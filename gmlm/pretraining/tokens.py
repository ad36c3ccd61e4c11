"""Tokenised documents in memory: one flat array of ids and the offsets of the documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gmlm.errors import DataFormatError
from gmlm.manifest import Manifest
from gmlm.shards import read_shards
from gmlm.storage import Store

Ids = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenCorpus:
    """Documents without special tokens: document i is `ids[offsets[i]:offsets[i + 1]]`."""

    ids: Ids
    offsets: Offsets

    @property
    def documents(self) -> int:
        """Number of documents, empty ones included."""
        return len(self.offsets) - 1

    @property
    def empty_documents(self) -> int:
        """Number of documents without a token."""
        return int((np.diff(self.offsets) == 0).sum())


def read_tokens(store: Store, manifest: Manifest, folder: Literal["train", "holdout"]) -> TokenCorpus:
    """Read the shards of one side of a tokenised corpus.

    Raises:
        DataFormatError: The shards have no column `input_ids`.
    """
    ids, lengths = [np.empty(0, np.int32)], [np.zeros(1, np.int64)]
    for table in read_shards(store, manifest, folder):
        if "input_ids" not in table.column_names:
            raise DataFormatError(
                "a shard has no column 'input_ids'", where=manifest.key(folder), fix="run the stage 'tokens' again"
            )
        for chunk in table.column("input_ids").chunks:
            ids.append(chunk.flatten().to_numpy(zero_copy_only=False).astype(np.int32, copy=False))
            lengths.append(_lengths(chunk))
    return TokenCorpus(np.concatenate(ids), np.cumsum(np.concatenate(lengths)))


def _lengths(chunk: pa.ListArray) -> Offsets:
    return np.asarray(chunk.value_lengths().fill_null(0), np.int64)
