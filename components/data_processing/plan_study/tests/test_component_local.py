"""`plan_study` in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.data_processing.plan_study.component import plan_study

pytestmark = pytest.mark.usefixtures("setup_and_teardown_subprocess_runner")


def test_it_puts_the_plan_into_the_store(stub_study: Path, tmp_path: Path) -> None:
    folder = str(stub_study.parent)
    task = plan_study(study=stub_study.read_text(), store=str(tmp_path / "store"), study_folder=folder)
    assert (tmp_path / "store" / task.output).is_file()
    assert (tmp_path / "store" / "studies" / "small.json").is_file()


def test_a_missing_input_fails_the_task(stub_study: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="plan-study"):
        plan_study(study=stub_study.read_text(), store=str(tmp_path / "store"), study_folder=str(tmp_path))
