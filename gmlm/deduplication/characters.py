r"""Values of the characters of whole batches of texts: equal for characters that fold alike, 0 where `\w` fails."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.uint64]
Offsets = npt.NDArray[np.int64]

_TABLE_SIZE = 0x10000
_NOT_IN_TABLE = 1
_DOUBLED = "ß"
"""Folds to two characters, and is common."""


def character_values(texts: Sequence[str]) -> tuple[Values, Offsets]:
    """The values of all texts in one array, each text followed by one 0, and the ends of the texts in it.

    A table folds the case at a third of the time of `str.casefold`. It knows no characters that fold to several, but
    for the commonest; texts with others, or with characters beyond Unicode's first plane, are folded by Python.
    """
    joined, sizes = " ".join([*texts, ""]), [len(text) + 1 for text in texts]
    if _DOUBLED in joined:
        joined = joined.replace(_DOUBLED, _DOUBLED.casefold())
        sizes = [size + text.count(_DOUBLED) for size, text in zip(sizes, texts, strict=True)]
    # Two bytes a character: what needs more is encoded as two surrogates, which the table does not know.
    values = _table().take(np.frombuffer(joined.encode("utf-16-le", "surrogatepass"), np.uint16))
    if (values == _NOT_IN_TABLE).any():
        return _folded_by_python([text.casefold() for text in texts])
    return values, np.cumsum(sizes, dtype=np.int64)


def _folded_by_python(texts: Sequence[str]) -> tuple[Values, Offsets]:
    """The values of texts whose case is folded."""
    codes = np.frombuffer(" ".join([*texts, ""]).encode("utf-32-le", "surrogatepass"), np.uint32)
    values = _table().take(np.minimum(codes, _TABLE_SIZE))
    rare = np.flatnonzero(values == _NOT_IN_TABLE)
    values[rare] = [_value(code) for code in codes[rare].tolist()]
    return values, np.cumsum([len(text) + 1 for text in texts], dtype=np.int64)


@cache
def _table() -> Values:
    folded = [chr(code).casefold() for code in range(_TABLE_SIZE)]
    values = [_value(ord(character)) if len(character) == 1 else _NOT_IN_TABLE for character in folded]
    values[0xD800:0xE000] = [_NOT_IN_TABLE] * 0x800
    return np.array([*values, _NOT_IN_TABLE], np.uint64)


def _value(code: int) -> int:
    character = chr(code)
    return (code + 2) * 0xD6E8FEB86659FD93 % (1 << 64) if character.isalnum() or character == "_" else 0
