"""Pre-training once for each seed of the evaluation: further models of the study, each with a seed of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from gmlm.config import GeneratorConfig, ModelConfig, StudyConfig
from gmlm.config.references import run_name, trained_model


@dataclass
class PretrainingRuns:
    """The models of a study, and those that its evaluation's further seeds need.

    The first seed has the models by their own names. Those of run `n` are `NAME.run-n`; they start from each other as
    the first ones do, and from the same models from outside.

    Attributes:
        study: What is run.
        models: By name; further runs behind those of the study.
        seeds: The seed of each further run.
    """

    study: StudyConfig
    models: dict[str, ModelConfig] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.models = dict(self.study.models)
        evaluation = self.study.evaluation
        if evaluation is None or not evaluation.pretraining_per_seed:
            return
        for run in range(2, len(evaluation.seeds) + 1):
            for name in evaluation.trained():
                self._add(name, run)

    def model_of(self, name: str, seed: int) -> str:
        """Name of the model that a cell of this seed fine-tunes."""
        evaluation = self.study.evaluation
        assert evaluation is not None
        further = run_name(name, evaluation.seeds.index(seed) + 1)
        return further if further in self.seeds else name

    def _add(self, name: str, run: int) -> str:
        """Add a run of a model, with all that it starts from; its name. A model from outside is always the same."""
        if trained_model(self.study.models, name) is None:
            return name
        if (further := run_name(name, run)) in self.seeds:
            return further
        self.seeds[further] = self.study.seed + run - 1
        model = self.study.models[name]
        base = None if model.base is None else self._add(model.base, run)
        self.models[further] = model.model_copy(update={"base": base, "generator": self._generator(model, run)})
        return further

    def _generator(self, model: ModelConfig, run: int) -> GeneratorConfig | None:
        generator = model.generator
        if generator is None or generator.base is None:
            return generator
        return generator.model_copy(update={"base": self._add(generator.base, run)})
