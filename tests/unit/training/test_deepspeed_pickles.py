"""Checkpoints that another Python has written are read, and nothing else is looked up by them."""

from __future__ import annotations

from collections.abc import Callable
from enum import EnumMeta
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import pytest
import torch
from deepspeed.runtime.zero.config import ZeroStageEnum

from gmlm.training.deepspeed_engine import SAFE_GLOBALS


class ByGetattr:
    """Pickled as Python 3.11.0 to 3.11.3, such as Debian 12's, pickles the member of an enumeration."""

    def __init__(self, owner: object, name: str) -> None:
        self._arguments = (owner, name)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, str]]:
        return getattr, self._arguments


def load(file: Path) -> Any:
    with torch.serialization.safe_globals(SAFE_GLOBALS):
        return torch.load(file, weights_only=True)


def test_a_stage_that_an_older_python_has_written_is_read(tmp_path: Path) -> None:
    torch.save({"zero_stage": ByGetattr(ZeroStageEnum, "gradients")}, tmp_path / "x.pt")
    assert load(tmp_path / "x.pt")["zero_stage"] is ZeroStageEnum.gradients


@pytest.mark.parametrize("owner", [EnumMeta, dict, "text"])
def test_no_other_attribute_is_looked_up(tmp_path: Path, owner: object) -> None:
    torch.save({"zero_stage": ByGetattr(owner, "__class__")}, tmp_path / "x.pt")
    with pytest.raises(UnpicklingError):
        load(tmp_path / "x.pt")
