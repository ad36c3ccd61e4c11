"""What a check has found: a line with a verdict and, unless all is well, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gmlm.errors import GmlmError


class Verdict(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARN = "warn"
    """A run may work; something could not be checked, or will surprise."""
    FAIL = "fail"
    """A run would not start, or would fail."""


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        verdict: How grave it is.
        subject: What was checked, such as `secret gmlm-store`.
        what: What was found.
        fix: What to do; empty where all is well.
    """

    verdict: Verdict
    subject: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        fix = f"\n      What to do: {self.fix}" if self.fix else ""
        return f"{self.verdict:4}  {self.subject}: {self.what}{fix}"


def ok(subject: str, what: str) -> Finding:
    """All is well."""
    return Finding(Verdict.OK, subject, what)


def warn(subject: str, what: str, fix: str) -> Finding:
    """A run may work."""
    return Finding(Verdict.WARN, subject, what, fix)


def fail(subject: str, what: str, fix: str) -> Finding:
    """A run would not."""
    return Finding(Verdict.FAIL, subject, what, fix)


def failed_by(subject: str, error: GmlmError) -> Finding:
    """An error of ours as a finding."""
    where = f"{error.where}: " if error.where else ""
    return fail(subject, where + error.what, error.fix or "see the message")
