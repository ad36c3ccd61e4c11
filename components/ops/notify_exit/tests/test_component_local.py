"""`notify_exit` as the exit task of a pipeline, in a process of its own."""

from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.ops.check_study.component import check_study
from components.ops.notify_exit.component import notify_exit

pytestmark = pytest.mark.usefixtures("setup_and_teardown_subprocess_runner")


def test_it_says_what_failed(planned: Any, stub_study: Path, capfd: pytest.CaptureFixture[str]) -> None:
    @dsl.pipeline(name="failing")
    def failing(store: str, study: str, plan: str) -> None:
        with dsl.ExitHandler(notify_exit(store=store, study=study, run_id="run-1")):
            check_study(store=store, plan=plan, stages=[])

    planned.forget("report/small")
    with pytest.raises(RuntimeError):
        failing(store=planned.store, study=stub_study.read_text(), plan=planned.plan)
    out, err = capfd.readouterr()
    assert "run run-1 has ended" in out + err
