"""The project's errors: each says what is wrong, where, and what to do, and has an exit code of its own."""

from __future__ import annotations

from typing import ClassVar


class GmlmError(Exception):
    """Base of every error that a user can cause or cure.

    Args:
        what: What is wrong, without any text from a document.
        where: The file, record or field concerned, if there is one.
        fix: What the user can do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        fix = f"\n  What to do: {self.fix}" if self.fix else ""
        return f"{where}{self.what}{fix}"


class ConfigError(GmlmError):
    """The study file cannot be read or holds a wrong key or value."""

    exit_code = 10


class InputNotFoundError(GmlmError):
    """A file, folder, bucket or key that the study names does not exist."""

    exit_code = 11


class AccessDeniedError(GmlmError):
    """The file system or the object store refuses access."""

    exit_code = 12


class DataFormatError(GmlmError):
    """An input file as a whole cannot be read: truncated, malformed, wrongly encoded, or a column is missing."""

    exit_code = 13


class EmptyCorpusError(GmlmError):
    """A stage would pass on no documents at all."""

    exit_code = 14


class LabelError(GmlmError):
    """A label or span of a task does not fit its declaration or its text."""

    exit_code = 15


class ModelMismatchError(GmlmError):
    """A model, its tokenizer and its data do not belong together."""

    exit_code = 16


class CheckpointMismatchError(GmlmError):
    """A checkpoint was written by another study, configuration or engine."""

    exit_code = 17


class StorageError(GmlmError):
    """The store failed, or what it returned is not what was written."""

    exit_code = 18


class AlreadyExistsError(StorageError):
    """A key that must be created once exists already."""


class DiskFullError(GmlmError):
    """No space is left on the device; what was published before stays valid."""

    exit_code = 19


class TrainingError(GmlmError):
    """Training cannot go on: the loss is not finite, or a device failed."""

    exit_code = 20


class StageFailedError(GmlmError):
    """Parts of a study did not finish; the message names each with its reason."""

    exit_code = 21


class ClusterError(GmlmError):
    """The cluster or its pipelines service does not answer, refuses, or lacks what a run needs."""

    exit_code = 22


class InterruptedRunError(GmlmError):
    """The run was asked to stop and has saved what it had; running it again resumes."""

    exit_code = 130
