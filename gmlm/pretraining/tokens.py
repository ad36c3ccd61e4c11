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
    """Documents without special tokens: document i is `ids[offsets[i]:offsets[i + 1]]`.

    Where they were asked for, document i is of the source `sources[source_of[i]]`.
    """

    ids: Ids
    offsets: Offsets
    sources: tuple[str, ...] = ()
    source_of: npt.NDArray[np.int64] | None = None

    @property
    def documents(self) -> int:
        """Number of documents, empty ones included."""
        return len(self.offsets) - 1

    @property
    def empty_documents(self) -> int:
        """Number of documents without a token."""
        return int((np.diff(self.offsets) == 0).sum())


def read_tokens(
    store: Store, manifest: Manifest, folder: Literal["train", "holdout"], *, by_source: bool = False
) -> TokenCorpus:
    """Read the shards of one side of a tokenised corpus, with the source of each document if asked for.

    Raises:
        DataFormatError: The shards have no column `input_ids`.
    """
    ids, lengths, names = [np.empty(0, np.int32)], [np.zeros(1, np.int64)], list[str]()
    for table in read_shards(store, manifest, folder):
        if "input_ids" not in table.column_names:
            raise DataFormatError(
                "a shard has no column 'input_ids'", where=manifest.key(folder), fix="run the stage 'tokens' again"
            )
        for chunk in table.column("input_ids").chunks:
            ids.append(chunk.flatten().to_numpy(zero_copy_only=False).astype(np.int32, copy=False))
            lengths.append(_lengths(chunk))
        if by_source:
            names += [identity.rpartition("/")[0].partition("/")[0] for identity in table.column("id").to_pylist()]
    flat, offsets = np.concatenate(ids), np.cumsum(np.concatenate(lengths))
    if not by_source:
        return TokenCorpus(flat, offsets)
    sources, source_of = np.unique(np.array(names, np.str_), return_inverse=True)
    return TokenCorpus(flat, offsets, tuple(sources.tolist()), source_of.astype(np.int64))


def _lengths(chunk: pa.ListArray) -> Offsets:
    return np.asarray(chunk.value_lengths().fill_null(0), np.int64)
