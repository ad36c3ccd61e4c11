"""Makes texts uniform, and the form of a text by which it is recognised again."""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SPACES = re.compile(r"[^\S\n\t ][^\S\n\t]*| [^\S\n\t]+")  # but a single ordinary one, which stays
_SPACES_AT_LINE_END = re.compile(r"[^\S\n]+(?=\n)")
_BLANK_LINES = re.compile(r"\n{3,}")
_WORD = re.compile(r"\w+")


def normalise(text: str) -> str:
    """The text as it enters a corpus.

    NFC; without control characters, soft hyphens, zero-width and direction marks; every space an ordinary one, runs of
    them one; no space at a line's end; at most one blank line in a row. Tabs and line breaks stay, as letters use them
    for layout.
    """
    # The characters that are removed, and all spaces but the ordinary one, are not printable: most texts have none.
    printable = text.replace("\n", "").replace("\t", "").isprintable()
    text = unicodedata.normalize("NFC", text if printable else _INVISIBLE.sub("", text))
    if not printable or "  " in text:
        text = _SPACES.sub(" ", text)
    if " \n" in text or "\t\n" in text:
        text = _SPACES_AT_LINE_END.sub("", text)
    return (_BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text).strip()


def words(text: str) -> list[str]:
    """The words of a text for comparison: runs of letters and digits, case folded."""
    parts = text.casefold().split()
    return [word for part in parts for word in ((part,) if part.isalnum() else _WORD.findall(part))]


def text_digest(text: str) -> bytes:
    """16 bytes that are equal for texts with the same words, whatever their case, spacing and punctuation.

    BLAKE2b, so the same in every process and on every machine. Other texts share them with a probability below 1e-20
    at a billion texts.
    """
    return blake2b(" ".join(words(text)).encode(), digest_size=16).digest()


def share_of(digest: bytes, purpose: str) -> float:
    """A number in [0, 1) drawn by a digest, independent between purposes: what deterministic samples compare with."""
    drawn = blake2b(digest, digest_size=8, person=purpose.encode()[:16]).digest()
    return int.from_bytes(drawn, "big") / 2**64
