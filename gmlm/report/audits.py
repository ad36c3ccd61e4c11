"""What the privacy audits found, model by model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gmlm.manifest import Manifest
from gmlm.report.files import read_json
from gmlm.storage import Store


@dataclass(frozen=True)
class Estimate:
    """A value with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Separation:
    """How well members are told from others by the model; `found` where better than by guessing, as `p_holm` says."""

    members: int
    others: int
    auc: Estimate
    true_positive_rate: Estimate
    p_value: float
    p_holm: float
    found: bool
    repeats: int | None = None
    """Occurrences in the training text, of canaries."""
    exposure: float | None = None
    """Mean exposure in bits, of canaries."""


@dataclass(frozen=True)
class Names:
    """Masked names of some texts, and how many the model and the reference filled in."""

    names: int
    recovered: int
    recovered_by_reference: int


@dataclass(frozen=True)
class Audit:
    """The audit of one model."""

    model: str
    reference: str
    corpora: tuple[str, ...]
    membership: Separation
    canaries: tuple[Separation, ...]
    members: Names
    others: Names

    @property
    def verdict(self) -> str:
        """The outcome in a sentence."""
        signs = [name for name, found in (("documents", self.membership.found), ("canaries", self._canaries)) if found]
        if not signs:
            return f"{self.model}: no training text was recognised by this audit."
        return f"{self.model} gives away {' and '.join(signs)} of its training text."

    @property
    def _canaries(self) -> bool:
        return any(row.found for row in self.canaries)


def read_audit(store: Store, name: str, manifest: Manifest) -> Audit:
    """The `audit.json` of one audit node."""
    found = read_json(store, manifest, "audit.json") or {}
    return Audit(
        model=name,
        reference=found["reference"],
        corpora=tuple(found["corpora"]),
        membership=_separation(found["membership"]),
        canaries=tuple(_separation(row) for row in found["canaries"] or ()),
        members=Names(**found["names"]["members"]),
        others=Names(**found["names"]["others"]),
    )


def _separation(found: Mapping[str, Any]) -> Separation:
    estimates = {key: Estimate(**found[key]) for key in ("auc", "true_positive_rate")}
    return Separation(**{**found, **estimates})
