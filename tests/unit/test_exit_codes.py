"""Each error has an exit code of its own, and the reference names all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gmlm.errors import GmlmError

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "exit-codes.md"


def with_own_code(base=GmlmError):
    """Error classes that declare an exit code."""
    for error in base.__subclasses__():
        if "exit_code" in vars(error) and error.__module__ == "gmlm.errors":
            yield error
        yield from with_own_code(error)


ERRORS = list(with_own_code())


def test_codes_are_distinct():
    codes = [error.exit_code for error in ERRORS]
    assert len(codes) == len(set(codes))
    assert not {0, 1, 2, 70} & set(codes)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_page_describes_the_error(error):
    meaning = error.__doc__.strip().splitlines()[0]
    assert f"| {error.exit_code} | `{error.__name__}` | {meaning} |" in PAGE.read_text(encoding="utf-8")


def test_page_names_no_error_that_does_not_exist():
    named = set(re.findall(r"`(\w+Error)`", PAGE.read_text(encoding="utf-8")))
    assert named <= {error.__name__ for error in ERRORS}
