"""Published scores of arXiv 2404.05694, from the model cards of its authors (ikim-uk-essen on the Hugging Face Hub).

Test split, F1. They can be compared with a study's own where task, split and metric are the same; which variant of the
CLEF eHealth score was taken is not stated there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SOURCE = "Idrissi-Yaghir et al. 2024 (arXiv 2404.05694), model cards"
_MODELS = ("GBERT-base", "GBERT-large", "GBERT-BioM-Translation-base", "GBERT-BioM-Translation-large")
_F1: Mapping[str, tuple[float, ...]] = {
    "clef-ehealth-2019": (0.816, 0.832, 0.825, 0.833),
    "radqa-de": (0.794, 0.809, 0.808, 0.811),
    "grascco": (0.642, 0.647, 0.661, 0.692),
    "bronco150": (0.833, 0.835, 0.842, 0.844),
    "ggponc2": (0.770, 0.772, 0.780, 0.786),
}


@dataclass(frozen=True)
class Published:
    """A published score beside a task of the study."""

    task: str
    benchmark: str
    model: str
    f1: float
    source: str


def published_scores(tasks: Mapping[str, str]) -> tuple[Published, ...]:
    """The published scores for the study's tasks, given the benchmark that each of them is."""
    return tuple(
        Published(task, benchmark, model, f1, SOURCE)
        for task, benchmark in tasks.items()
        for model, f1 in zip(_MODELS, _F1[benchmark], strict=True)
    )
