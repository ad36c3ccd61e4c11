"""Checks that each name used in a study is defined in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from gmlm.config.evaluation import FLOOR

if TYPE_CHECKING:
    from gmlm.config.models import ModelConfig
    from gmlm.config.study import StudyConfig

Reference = tuple[str, str, Mapping[str, object]]
"""Where a name is used, the name, and the parts that it may refer to."""


def check_references(study: StudyConfig) -> None:
    """Raise ValueError for the first name that refers to nothing, with the nearest defined name."""
    clash = set(study.sources) & set(study.translations)
    if clash:
        raise ValueError(f"sources and translations share the name {sorted(clash)[0]!r}; recipes could not tell them")
    _check_systems(study)
    _check_runs(study)
    for where, name, defined in _references(study):
        if name not in defined:
            raise ValueError(f"{where}: {name!r} is not defined in this study{_suggestion(name, defined)}")
    _check_steps(study)
    _check_audited(study)
    _check_restricted(study)
    _check_back_translators(study)


def _check_systems(study: StudyConfig) -> None:
    if study.evaluation is None:
        return
    if both := set(study.evaluation.combined) & set(study.tasks):
        raise ValueError(f"evaluation.combined: {sorted(both)[0]!r} is the name of a task; choose another")
    systems = [*study.evaluation.systems, *([FLOOR] if study.evaluation.floors else [])]
    for system in systems:
        if system in study.models or systems.count(system) > 1:
            raise ValueError(
                f"evaluation: {system!r} stands for two things; the floors and other systems need own names"
            )


def run_name(name: str, run: int) -> str:
    """Name of the model that is pre-trained for the evaluation's n-th seed; the first one is the model itself."""
    return name if run == 1 else f"{name}.run-{run}"


def trained_model(models: Mapping[str, ModelConfig], name: str) -> ModelConfig | None:
    """The model of the study whose training a model has last been through: itself, or one that it starts from.

    None where it comes from outside as it is.
    """
    seen = set()
    while name in models and name not in seen:
        seen.add(name)
        if (model := models[name]).phases:
            return model
        name = model.base or ""
    return None


def _check_runs(study: StudyConfig) -> None:
    if (evaluation := study.evaluation) is None or not evaluation.pretraining_per_seed:
        return
    if len(set(evaluation.seeds)) < len(evaluation.seeds):
        raise ValueError("evaluation.seeds: each seed has a pre-training of its own, so each must be there once")
    for name in filter(lambda name: trained_model(study.models, name), study.models):
        for run in range(2, len(evaluation.seeds) + 1):
            if (taken := run_name(name, run)) in study.models:
                raise ValueError(f"models: {taken!r} is the name of a further pre-training of {name!r}; choose another")


def _check_steps(study: StudyConfig) -> None:
    for name, model in study.models.items():
        if model.at_step is not None and model.base is not None:
            try:
                study.models[model.base].check_keeps(model.at_step)
            except ValueError as error:
                raise ValueError(f"models.{name}.at_step: {error}") from None


def _check_audited(study: StudyConfig) -> None:
    """An audit lets the model and its reference fill in masks."""
    if (audit := study.audit) is None:
        return
    for name in audit.models:
        for part in (name, audit.reference or study.models[name].base or ""):
            if (model := trained_model(study.models, part)) is not None and model.detects:
                raise ValueError(f"audit: {part!r} is a discriminator, which fills in no masks")


def _check_restricted(study: StudyConfig) -> None:
    """Restricted sources are sent to no service that is not declared to be in the house."""
    for name, task in study.tasks.items():
        if task.translator is None:
            continue
        endpoint = study.translators[task.translator].endpoint
        if endpoint is not None and not endpoint.in_cluster:
            what = "annotated texts are sent to no service outside"
            raise ValueError(f"tasks.{name}: {what}; use a local model, or an endpoint with 'in_cluster: true'")
    for name, translation in study.translations.items():
        endpoint = study.translators[translation.translator].endpoint
        if endpoint is not None and not endpoint.in_cluster and study.sources[translation.source].restricted:
            what = f"the source {translation.source!r} is restricted and would be sent to a service outside"
            raise ValueError(f"translations.{name}: {what}; use a local model, or an endpoint with 'in_cluster: true'")


def _check_back_translators(study: StudyConfig) -> None:
    """A translator back into English is a model: services are asked for German, and training here gives German."""
    for name, translation in study.translations.items():
        back = translation.quality and translation.quality.back_translator
        if back and study.translators[back].model is None:
            what = f"{back!r} translates into German only"
            raise ValueError(f"translations.{name}.quality.back_translator: {what}; name a translator with a 'model'")


def _suggestion(name: str, defined: Mapping[str, object]) -> str:
    near = get_close_matches(name, list(defined), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; defined: {', '.join(sorted(defined)) or 'none'}"


def _references(study: StudyConfig) -> Iterator[Reference]:
    yield from _corpus_references(study)
    yield from _model_references(study)
    yield from _evaluation_references(study)
    for task in (*study.report.public_tasks, *study.report.published):
        yield "report", task, study.tasks
    if study.audit is not None:
        for model in study.audit.models:
            yield "audit.models", model, study.models


def _evaluation_references(study: StudyConfig) -> Iterator[Reference]:
    if (evaluation := study.evaluation) is None:
        return
    for model in (*evaluation.models, evaluation.baseline):
        yield "evaluation.models", model, study.models
    for task in evaluation.tasks:
        yield "evaluation.tasks", task, study.tasks
    compared = evaluation.tasks or tuple(study.tasks)
    spans = {
        name: task for name, task in study.tasks.items() if name in compared and task.kind == "token_classification"
    }
    for name, levels in evaluation.combined.items():
        for task in levels.tasks:
            yield f"evaluation.combined.{name}.tasks (compared, of spans)", task, spans
    for system, predictions in evaluation.systems.items():
        for task in predictions:
            yield f"evaluation.systems.{system}", task, study.tasks


def _corpus_references(study: StudyConfig) -> Iterator[Reference]:
    for name, translator in study.translators.items():
        for reference in translator.references:
            yield f"translators.{name}.references", reference, study.references
    for name, translation in study.translations.items():
        yield f"translations.{name}.source", translation.source, study.sources
        yield f"translations.{name}.translator", translation.translator, study.translators
        if translation.quality is not None and (back := translation.quality.back_translator) is not None:
            yield f"translations.{name}.quality.back_translator", back, study.translators
    for name, part in study.tasks.items():
        if part.translator is not None:
            yield f"tasks.{name}.translator", part.translator, study.translators
    texts = {**study.sources, **study.translations}
    for name, recipe in study.recipes.items():
        for source in recipe.sources:
            yield f"recipes.{name}.sources", source, texts


def _model_references(study: StudyConfig) -> Iterator[Reference]:
    for name, tokenizer in study.tokenizers.items():
        if tokenizer.train is not None:
            yield f"tokenizers.{name}.train.corpus", tokenizer.train.corpus, study.recipes
    for name, model in study.models.items():
        if model.at_step is not None:
            yield f"models.{name}.base", model.base or "", study.models
        if model.architecture is not None:
            yield f"models.{name}.architecture.tokenizer", model.architecture.tokenizer, study.tokenizers
        if model.vocabulary is not None and model.vocabulary.corpus is not None:
            yield f"models.{name}.vocabulary.corpus", model.vocabulary.corpus, study.recipes
        for index, phase in enumerate(model.phases):
            yield f"models.{name}.phases.{index}.corpus", phase.corpus, study.recipes
