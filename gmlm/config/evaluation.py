"""The comparison of models: which cells are run, what else joins the table, and how it is tested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import Field

from gmlm.config.base import Frozen, Name
from gmlm.config.tasks import TaskConfig

FLOOR = "floor"
"""Name under which the floors stand beside the models."""


class CombinedTask(Frozen):
    """Levels of nested spans that are predicted by one task each and scored together."""

    tasks: tuple[Name, ...] = Field(min_length=2)
    """Tasks of token classification on the same documents. A span counts on its own level only, as in GermEval 2014."""
    dropped_endings: tuple[str, ...] = ()
    """Endings of labels that make no difference: with `deriv` and `part` a PERderiv counts as a PER."""

    @property
    def convention(self) -> str:
        """How it is scored, in words."""
        endings = f"; the endings {', '.join(self.dropped_endings)} of labels make no difference"
        levels = f"micro F1 over exact spans of the levels {', '.join(self.tasks)}, each on its own level"
        return levels + (endings if self.dropped_endings else "")


class EvaluationConfig(Frozen):
    """Which cells are run and how they are compared."""

    models: tuple[Name, ...]
    """Models that are fine-tuned and scored."""
    baseline: Name
    """Model that the others are compared with."""
    tasks: tuple[Name, ...] = ()
    """Tasks; default: all of the study."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """One cell per model, task and seed."""
    pretraining_per_seed: bool = False
    """Pre-train each model anew for each seed, with all models of the study that it starts from. Then intervals and p
    values speak of other pre-trainings too; without it, of the one at hand (Sellam et al. 2022, MultiBERTs)."""
    resamples: int = Field(10_000, gt=99)
    """Resamples of the paired bootstrap over test documents and seeds, and rounds of approximate randomisation."""
    confidence: float = Field(0.95, gt=0, lt=1)
    """Level of the intervals."""
    almost_stochastic_order: bool = False
    """Also compare the runs by almost stochastic order; worth it from some ten seeds on."""
    floors: bool = False
    """Also score a simple method without an encoder on every task: a CRF on entities, a linear SVM on character n-grams
    for labels, a TF-IDF search for answers."""
    combined: dict[Name, CombinedTask] = Field(default_factory=dict)
    """Scores over several levels of nested spans together; each stands in the table like a task."""
    systems: dict[Name, dict[Name, tuple[str, ...]]] = Field(default_factory=dict)
    """Other systems that join the table: by system and task the files with their predictions of the test set, one file
    a run. JSONL with `id` and `predicted`, CLEF's `id<TAB>label|label` (.tsv, .txt) or SQuAD's JSON of answers."""

    def trained(self) -> list[str]:
        """The models that are fine-tuned, the baseline first, each once."""
        return list(dict.fromkeys((self.baseline, *self.models)))

    def cells(self, tasks: Sequence[str]) -> Iterator[tuple[str, str, int]]:
        """System, task and seed of every cell of the table; runs of other systems are numbered from 1."""
        for model in self.trained():
            yield from ((model, task, seed) for task in tasks for seed in self.seeds)
        if self.floors:
            yield from ((FLOOR, task, self.seeds[0]) for task in tasks)
        for system, predictions in self.systems.items():
            for task in tasks:
                yield from ((system, task, run) for run, _ in enumerate(predictions.get(task, ()), start=1))


class FloorConfig(Frozen):
    """A simple method on one task."""

    task: TaskConfig
    """The task."""


class ImportConfig(Frozen):
    """The predictions of another system on one task."""

    task: TaskConfig
    """The task."""
    path: str
    """File with the predictions."""
