"""Any bytes for every reader, the study file, manifests and plans: read, or refused by an error of ours."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("GMLM_FUZZ_INPUTS", "25"))
"""Inputs of each target; `make fuzz` sets 10,000."""
NASTY = [
    *(b'"', b"<", b"&", b"\xff", b"\x00", b"{", b"[", b"]", b"}", b"-1", b"1e999", b"NaN", b"null", b"\r\n", b"\t"),
    *(
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\\ud800",
        b"../..",
        b"!!python/object:os.system",
        b"*a",
        b"&e;",
        b"true",
        b"''",
    ),
    *(b"99999999999999999999", b"<!ENTITY x SYSTEM 'file:///etc/passwd'>", "\u202e".encode(), "e\u0301".encode()),
    *("\u2028".encode(), "\x85".encode()),
]
"""Pieces that parsers stumble over: signs of their grammar, half a surrogate pair, marks of direction, bombs."""


def load_targets() -> dict[str, tuple[Callable[[bytes], None], bytes]]:
    path = Path(__file__).with_name("targets.py")
    specification = importlib.util.spec_from_file_location("fuzz_targets", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules["fuzz_targets"] = module
    specification.loader.exec_module(module)
    return module.TARGETS


TARGETS = load_targets()


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """A sound input cut off, with pieces replaced, doubled or inserted; now and then any bytes or any text."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=200))
    if kind == 1:
        return draw(st.text(max_size=100)).encode("utf-8", "surrogatepass")
    data = bytearray(whole[: draw(st.integers(0, len(whole)))] if kind == 2 else whole)
    for _ in range(draw(st.integers(1, 4))):
        start, length = draw(st.integers(0, len(data))), draw(st.integers(0, 8))
        piece = draw(st.sampled_from(NASTY) | st.binary(max_size=4) | st.just(bytes(data[start : start + 20]) * 2))
        data[start : start + length] = piece
    return bytes(data)


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", TARGETS)
def test_any_input_is_read_or_refused_by_an_error_of_ours(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    target, sound = TARGETS[name]
    target(sound)
    tried = 0

    @given(data=st.data())
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def check(data: st.DataObject) -> None:
        nonlocal tried
        target(data.draw(damaged(sound)))
        tried += 1

    check()
    assert tried >= EXAMPLES
    record_property("figure", f"{name} {tried:,}")
