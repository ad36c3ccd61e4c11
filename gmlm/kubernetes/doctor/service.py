"""Kubeflow Pipelines itself: whether it answers, takes us, and is not at work on the study already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from gmlm.errors import GmlmError
from gmlm.kubernetes.doctor.finding import Finding, fail, failed_by, ok

SUBJECT = "pipelines"


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that has not ended, and the store that it was given."""

    run_id: str
    name: str
    store: str


class Service(Protocol):
    """What the check asks of Kubeflow Pipelines."""

    def unfinished_runs(self) -> list[UnfinishedRun]:
        """Runs that have not ended."""
        ...


def check_service(connect: Callable[[], Service], study: str | None, store: str | None) -> Iterator[Finding]:
    """Connect, list what runs, and look for another run of the study in the same store."""
    try:
        runs = connect().unfinished_runs()
    except GmlmError as error:
        yield failed_by(SUBJECT, error)
        return
    yield ok(SUBJECT, f"answers, and lets you see runs; {len(runs)} not ended")
    if study is None:
        return
    mine = [run for run in runs if run.name.startswith(f"{study} ") and store in (None, run.store)]
    for run in mine:
        fix = f"wait, or end it: gmlm pipeline cancel {run.run_id}"
        yield fail(f"study {study}", f"run {run.run_id} is at work on it in {run.store}", fix)
    if not mine:
        yield ok(f"study {study}", "no other run is at work on it")
