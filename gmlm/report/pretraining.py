"""Loss curves and held-out losses of the models that the study pre-trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gmlm.manifest import Manifest
from gmlm.report.files import read_json
from gmlm.storage import Store


@dataclass(frozen=True)
class Point:
    """A loss (of the phase's objective, in nats) after a number of steps of the phase."""

    step: int
    loss: float


@dataclass(frozen=True)
class SourceLoss:
    """Held-out loss on the documents of one source, before and after a phase, and bits per character after it."""

    before: float | None
    after: float | None
    bits_per_character: float | None = None


@dataclass(frozen=True)
class Phase:
    """One phase of pre-training; `sources` are empty where the corpus has but one."""

    corpus: str
    steps: int
    curve: tuple[Point, ...]
    holdout: tuple[Point, ...]
    holdout_loss_before: float | None
    holdout_loss: float | None
    holdout_perplexity: float | None
    bits_per_character: float | None
    sources: Mapping[str, SourceLoss]


@dataclass(frozen=True)
class Pretraining:
    """One pre-trained model; a discriminator fills in no masks."""

    model: str
    base: str
    phases: tuple[Phase, ...]
    fills_masks: bool = True


def read_pretraining(store: Store, name: str, manifest: Manifest) -> Pretraining:
    """The `training.json` of one pretrain node."""
    training = read_json(store, manifest, "training.json") or {}
    base = manifest.config.get("base")
    return Pretraining(
        model=name,
        base=str(base) if base else "random weights",
        phases=tuple(_phase(phase) for phase in training.get("phases", ())),
        fills_masks=manifest.config.get("objective") != "replaced_token_detection",
    )


def _phase(phase: Mapping[str, Any]) -> Phase:
    holdout = phase.get("holdout") or ()
    first: Mapping[str, Any] = holdout[0] if holdout else {}
    last: Mapping[str, Any] = holdout[-1] if holdout else {}
    return Phase(
        corpus=str(phase.get("corpus", "")),
        steps=int(phase.get("steps", 0)),
        curve=_points(phase.get("curve") or ()),
        holdout=_points(holdout),
        holdout_loss_before=first.get("loss") if first.get("step") == 0 else None,
        holdout_loss=last.get("loss"),
        holdout_perplexity=last.get("perplexity"),
        bits_per_character=last.get("bits_per_character"),
        sources=_sources(first, last),
    )


def _sources(first: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, SourceLoss]:
    before = first.get("sources", {}) if first.get("step") == 0 else {}
    return {
        name: SourceLoss(before.get(name, {}).get("loss"), figures["loss"], figures.get("bits_per_character"))
        for name, figures in last.get("sources", {}).items()
    }


def _points(points: Any) -> tuple[Point, ...]:
    return tuple(Point(int(point["step"]), float(point["loss"])) for point in points)
