"""The privacy audit: which models are audited, and how."""

from __future__ import annotations

from pydantic import Field

from gmlm.config.base import Frozen, Name


class AuditConfig(Frozen):
    """What models remember of their training text, measured against models that have not read it."""

    models: tuple[Name, ...] = Field(min_length=1)
    """Models of the study that are audited."""
    reference: str | None = None
    """Model with the same tokenizer that has not read the text: of the study, a Hub name or a local path. Default: the
    model that the audited one starts from."""
    documents: int = Field(1000, gt=0)
    """Training documents (members) and held-out documents (non-members) that are tried, at most, of each."""
    sequence_length: int = Field(256, gt=15)
    """Tokens of a document that are read, from its beginning."""
    masks: int = Field(4, gt=0)
    """Random choices of masked tokens per document."""
    mask_rate: float = Field(0.15, gt=0, lt=1)
    """Share of the tokens that one choice masks."""
    resamples: int = Field(1000, gt=99)
    """Bootstrap resamples behind the intervals."""
    confidence: float = Field(0.95, gt=0, lt=1)
    """Level of the intervals; text counts as found where Holm's p value is below 1 - confidence."""
