"""Ablations: one setting of models' pre-training is varied, and each value is a model of the study like any other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from gmlm.config.base import Frozen, Name
from gmlm.config.models import ModelConfig, PhaseConfig

if TYPE_CHECKING:
    from gmlm.config.study import StudyConfig

SETTINGS = ("corpus", "steps", "checkpoints", "mask_rate", "min_translation_quality")
"""What can be varied."""
_SHOWN = {"checkpoints": "tokens seen"}
"""Names in the report, where they are others."""


class AblationConfig(Frozen):
    """One setting of the last phase of some models, with the values that it takes in turn."""

    models: tuple[Name, ...] = Field(min_length=1)
    """Models of the study that are varied; each is a line in the report's plot."""
    corpus: tuple[Name, ...] = ()
    """Recipes to train on."""
    steps: tuple[Annotated[int, Field(gt=0)], ...] = ()
    """Optimiser steps, and so tokens seen. Each is a run of its own, whose learning rate falls to its own end."""
    checkpoints: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Steps along the one run of each model, plotted as tokens seen; the learning rate had not yet fallen to its end.
    0 is what the model starts from, if that is a model of this study."""
    mask_rate: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """Shares of the tokens that are predicted."""
    min_translation_quality: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    """Scores below which translated documents are left out of the phase's recipe."""

    @model_validator(mode="after")
    def _one_setting(self) -> Self:
        given = [name for name in SETTINGS if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"vary exactly one of {', '.join(SETTINGS)}")
        if len(set(self.values)) < len(self.values):
            raise ValueError(f"'{given[0]}' must hold each value once")
        return self

    @property
    def setting(self) -> str:
        """Name of what is varied."""
        return next(name for name in SETTINGS if getattr(self, name))

    @property
    def values(self) -> tuple[Any, ...]:
        """The values that it takes."""
        values: tuple[Any, ...] = getattr(self, self.setting)
        return values


class AblationPoint(Frozen):
    """One value of an ablation, and the model that has it."""

    ablation: Name
    """Name of the ablation."""
    setting: str
    """What is varied."""
    series: Name
    """The model that is varied."""
    value: float | str
    """The value."""
    model: Name
    """The model with this value."""


def ablation_points(study: StudyConfig) -> tuple[AblationPoint, ...]:
    """All values of all ablations, in the order of the study."""
    return tuple(
        AblationPoint(
            ablation=name,
            setting=_SHOWN.get(ablation.setting, ablation.setting),
            series=model,
            value=value * study.models[model].phases[-1].batch_tokens if ablation.setting == "checkpoints" else value,
            model=variant,
        )
        for name, ablation in study.ablations.items()
        for model in ablation.models
        for value in ablation.values
        for variant in [_variant(study, model, ablation.setting, value)[0]]
    )


def expansion(study: StudyConfig) -> dict[str, Any]:
    """The study's models, recipes and evaluation with those of its ablations; the same if they are there already.

    Raises:
        ValueError: An ablation cannot be made of the study, or its models' names stand for others.
    """
    models, recipes = dict(study.models), dict(study.recipes)
    for where, name, model, recipe in _made(study):
        if models.setdefault(name, model) != model:
            raise ValueError(f"{where}: the name {name!r} stands for another model")
        if recipe is not None:
            corpus = model.phases[-1].corpus
            recipes.setdefault(corpus, recipe)
    evaluation = study.evaluation
    if evaluation is None:
        raise ValueError("ablations: a study without 'evaluation' compares nothing")
    compared = dict.fromkeys([*evaluation.models, *(point.model for point in ablation_points(study))])
    compared.pop(evaluation.baseline, None)
    update = {"models": tuple(compared)}
    return {"models": models, "recipes": recipes, "evaluation": evaluation.model_copy(update=update)}


def _made(study: StudyConfig) -> Iterator[tuple[str, str, ModelConfig, Any]]:
    """Place, name and configuration of each model, and the recipe that it needs beside those of the study."""
    for name, ablation in study.ablations.items():
        where = f"ablations.{name}"
        for model in ablation.models:
            if not (study.models.get(model) and study.models[model].phases):
                raise ValueError(f"{where}: {model!r} is no model of this study with a phase to vary")
            yield from ((where, *_variant(study, model, ablation.setting, value)) for value in ablation.values)


def _variant(study: StudyConfig, name: str, setting: str, value: Any) -> tuple[str, ModelConfig, Any]:
    """The model with another value in its last phase, and its recipe where it needs a new one.

    A value that the model has anyway is the model itself.
    """
    model, recipe = study.models[name], None
    if setting == "checkpoints":
        return (*_checkpoint(study, name, value), None)
    phase, tag = model.phases[-1], value if isinstance(value, str) else f"{value:g}"
    if setting == "min_translation_quality":
        corpus = f"{phase.corpus}.quality-{tag}"
        recipe = study.recipes[phase.corpus].model_copy(update={setting: value})
        varied = phase if recipe == study.recipes[phase.corpus] else phase.model_copy(update={"corpus": corpus})
    else:
        without = {"epochs": None} if setting == "steps" else {}
        varied = PhaseConfig.model_validate({**phase.model_dump(), **without, setting: value})
    if varied == phase:
        return name, model, None
    short = {"min_translation_quality": "quality", "mask_rate": "mask"}.get(setting, setting)
    changed = model.model_copy(update={"phases": (*model.phases[:-1], varied)})
    return f"{name}.{short}-{tag}".lower(), changed, recipe


def _checkpoint(study: StudyConfig, name: str, step: int) -> tuple[str, ModelConfig]:
    """The model after some steps of its last phase: what it starts from at 0, itself at the end."""
    model = study.models[name]
    if step == 0:
        if len(model.phases) > 1 or model.base not in study.models or model.at_step is not None:
            raise ValueError(f"ablations: before its last phase {name!r} is no model of this study; leave 0 out")
        return model.base, study.models[model.base]
    if step == model.phases[-1].steps:
        return name, model
    return f"{name}.step-{step}", ModelConfig(base=name, at_step=step)
