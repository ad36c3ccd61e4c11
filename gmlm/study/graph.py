"""Builds the graph of a study: one node per part and stage, each after its inputs."""

from __future__ import annotations

import hashlib
import re
from graphlib import CycleError, TopologicalSorter

from gmlm.config import (
    FLOOR,
    AuditConfig,
    BaseModelConfig,
    CellConfig,
    CheckpointConfig,
    DecodingConfig,
    EvaluationConfig,
    FinetuneConfig,
    FloorConfig,
    ImportConfig,
    ModelConfig,
    ReportConfig,
    StudyConfig,
    TaskConfig,
    TaskTranslationConfig,
    TokensConfig,
    TranslateConfig,
    TranslatorScoreConfig,
    TreatmentConfig,
    ablation_points,
)
from gmlm.config.catalogue import entry_of
from gmlm.errors import ConfigError
from gmlm.study.node import Node
from gmlm.study.pretraining_runs import PretrainingRuns

Graph = dict[str, Node]
"""Nodes by id, each behind all that it needs."""


def build_graph(study: StudyConfig) -> Graph:
    """The nodes of a study, in an order in which they can run.

    Raises:
        ConfigError: Parts of the study need each other in a circle.
    """
    return _GraphBuilder(study).build()


def cell_name(model: str, task: str, seed: int) -> str:
    """Name of the cell that fine-tunes a model on a task with a seed."""
    return f"{model}--{task}--{seed}"


_MIN_ALIGNMENT: float = TaskConfig.model_fields["min_alignment"].default


def _data_of(task: TaskConfig) -> TaskConfig:
    """A task without how models are fine-tuned on it."""
    return task.model_copy(update={"finetuning": FinetuneConfig()})


class _GraphBuilder:
    def __init__(self, study: StudyConfig) -> None:
        self._runs = PretrainingRuns(study)
        self._study = study.model_copy(update={"models": self._runs.models})
        self._nodes: Graph = {}
        self._base_names: dict[str, str] = {}

    def build(self) -> Graph:
        self._add_inputs()
        self._add_translations()
        self._add_corpora()
        for name in self._study.models:
            self._add_model(name)
        if self._study.evaluation is not None:
            self._add_evaluation()
        if self._study.audit is not None:
            self._add_audits(self._study.audit)
        self._add_report()
        return self._sorted()

    def _add(self, stage: str, name: str, config: object, inputs: dict[str, str], *, tolerant: bool = False) -> str:
        seed = self._runs.seeds.get(name, self._study.seed) if stage == "pretrain" else self._study.seed
        node = Node(stage, name, config, seed, inputs, tolerant)  # type: ignore[arg-type]
        self._nodes.setdefault(node.id, node)
        return node.id

    def _add_inputs(self) -> None:
        for name, source in self._study.sources.items():
            self._add("ingest", name, source, {})
        for name, task in self._study.tasks.items():
            # The data of a task is the same however models are fine-tuned on it, and corpora are cleaned of it.
            # What happens to them after they are read is no part of it either.
            read = _data_of(task).model_copy(update={"translator": None, "min_alignment": _MIN_ALIGNMENT})
            self._add("task", name, read, {})

    def _add_translations(self) -> None:
        for name, translator in self._study.translators.items():
            # How it decodes and what it is scored on is no part of the model: a change there trains nothing again.
            model = translator.model_copy(update={"decoding": DecodingConfig(), "references": ()})
            self._add("translator", name, model, {})
            for reference in translator.references:
                config = TranslatorScoreConfig(
                    decoding=translator.decoding, reference=self._study.references[reference]
                )
                self._add("translator-score", f"{name}--{reference}", config, {"translator": f"translator/{name}"})
        for name, translation in self._study.translations.items():
            decoding = self._study.translators[translation.translator].decoding
            inputs = {"documents": f"ingest/{translation.source}", "translator": f"translator/{translation.translator}"}
            settings = TranslateConfig(translation=translation, decoding=decoding)
            if translation.quality is not None and (back := translation.quality.back_translator) is not None:
                inputs["back_translator"] = f"translator/{back}"
                settings = settings.model_copy(update={"back_decoding": self._study.translators[back].decoding})
            self._add("translate", name, settings, inputs)
        for name, task in self._study.tasks.items():
            if task.translator is not None:
                translated = TaskTranslationConfig(
                    task=_data_of(task), decoding=self._study.translators[task.translator].decoding
                )
                inputs = {"task": f"task/{name}", "translator": f"translator/{task.translator}"}
                self._add("task-translation", name, translated, inputs)

    def _task_node(self, name: str) -> str:
        """Id of the node with the examples that models see: as they were read, or translated."""
        return f"task/{name}" if self._study.tasks[name].translator is None else f"task-translation/{name}"

    def _add_corpora(self) -> None:
        for name, recipe in self._study.recipes.items():
            inputs = {source: self._text_node(source) for source in recipe.sources}
            if recipe.decontaminate:
                inputs |= {f"task:{task}": self._task_node(task) for task in self._study.tasks}
            # A treated corpus is the plain one with something done to it: both are built once.
            plain = recipe.model_copy(update={"canaries": None, "shuffle_words": "none"})
            self._add("corpus", name, plain, inputs)
            if recipe != plain:
                config = TreatmentConfig(
                    canaries=recipe.canaries,
                    shuffle_words=recipe.shuffle_words,
                    documents_per_shard=recipe.documents_per_shard,
                )
                self._add("treatment", name, config, {"corpus": f"corpus/{name}"})
        for name, tokenizer in self._study.tokenizers.items():
            if tokenizer.train is not None:
                inputs = {"corpus": self._corpus_node(tokenizer.train.corpus)}
            else:
                inputs = {"model": self._model_node(tokenizer.model or "")}
            self._add("tokenizer", name, tokenizer, inputs)

    def _corpus_node(self, name: str) -> str:
        treated = f"treatment/{name}"
        return treated if treated in self._nodes else f"corpus/{name}"

    def _text_node(self, name: str) -> str:
        return f"ingest/{name}" if name in self._study.sources else f"translate/{name}"

    def _model_node(self, name: str) -> str:
        """Id of the node that makes a model: one of the study, or one from outside that is copied into the store."""
        model = self._study.models.get(name)
        if model is None:
            return self._add("base-model", self._base_name(name), BaseModelConfig(model=name), {})
        if not model.phases and model.base is not None and model.base != name:
            return self._origin(model.base, model.at_step)
        return f"pretrain/{name}"

    def _origin(self, base: str, step: int | None) -> str:
        """Id of the node whose model another one starts from."""
        node = self._model_node(base)
        if step is None:
            return node
        return self._add("checkpoint", f"{base}.step-{step}", CheckpointConfig(step=step), {"model": node})

    def _with_kept_steps(self, name: str) -> ModelConfig:
        """A model that keeps the steps which others start from."""
        model, others = self._study.models[name], self._study.models.values()
        wanted = {other.at_step for other in others if other.base == name and other.at_step is not None}
        return model.model_copy(update={"kept_steps": tuple(sorted({*model.kept_steps, *wanted}))})

    def _base_name(self, model: str) -> str:
        slug = re.sub(r"[^a-z0-9_.]+", "-", model.lower()).strip("-.")[-40:].strip("-.") or "model"
        if self._base_names.setdefault(slug, model) != model:
            slug = f"{slug}-{hashlib.sha256(model.encode()).hexdigest()[:6]}"
        return slug

    def _add_model(self, name: str) -> None:
        model = self._study.models[name]
        if not model.phases:
            self._model_node(name)
            return
        tokenizer_role, tokenizer = self._tokenizer_of(name)
        inputs = {"tokenizer": tokenizer} if model.base is None else {"base": self._start_node(name)}
        for index, phase in enumerate(model.phases):
            tokens = {"corpus": self._corpus_node(phase.corpus), tokenizer_role: tokenizer}
            part = f"{phase.corpus}--{tokenizer.partition('/')[2]}"
            inputs[f"tokens:{index}"] = self._add("tokens", part, TokensConfig(), tokens)
        if model.generator is not None and model.generator.base is not None:
            inputs["generator"] = self._model_node(model.generator.base)
        self._add("pretrain", name, self._with_kept_steps(name), inputs)

    def _start_node(self, name: str) -> str:
        """Id of the node with the weights that a model's first phase starts from: its base, or that with new words."""
        model = self._study.models[name]
        base, vocabulary = self._origin(model.base or "", model.at_step), model.vocabulary
        if vocabulary is None:
            return base
        inputs = {"base": base}
        if vocabulary.corpus is not None:
            inputs["corpus"] = self._corpus_node(vocabulary.corpus)
        # Models that differ in their phases alone share the node, and so the tokenised corpora.
        for node in self._nodes.values():
            if node.stage == "vocabulary" and node.config == vocabulary and node.inputs == inputs:
                return node.id
        return self._add("vocabulary", name, vocabulary, inputs)

    def _tokenizer_of(self, name: str) -> tuple[str, str]:
        """Role and id of the node whose tokenizer a model has: its own, or that of the model it starts from."""
        seen: list[str] = []
        model = self._study.models[name]
        while model.vocabulary is None and model.base in self._study.models:
            if model.base in seen:
                raise ConfigError(f"models start from each other in a circle: {' -> '.join(seen)}", where="models")
            seen.append(model.base)
            name, model = model.base, self._study.models[model.base]
        if model.vocabulary is not None:
            return "model", self._start_node(name)
        if model.architecture is not None:
            return "tokenizer", f"tokenizer/{model.architecture.tokenizer}"
        return "model", self._model_node(model.base or "")

    def _add_evaluation(self) -> None:
        evaluation = self._study.evaluation
        assert evaluation is not None
        tasks = evaluation.tasks or tuple(self._study.tasks)
        inputs = {f"task:{task}": self._task_node(task) for task in tasks}
        for system, task, seed in evaluation.cells(tasks):
            inputs[f"cell:{cell_name(system, task, seed)}"] = self._add_cell(evaluation, system, task, seed)
        self._add("evaluate", self._study.name, evaluation, inputs, tolerant=True)

    def _add_cell(self, evaluation: EvaluationConfig, system: str, name: str, seed: int) -> str:
        """A model fine-tuned on a task, the task's floor, or a run of another system."""
        task, cell, inputs = self._study.tasks[name], cell_name(system, name, seed), {"task": self._task_node(name)}
        if system in evaluation.trained():
            roles = {"model": self._model_node(self._runs.model_of(system, seed)), **inputs}
            return self._add("finetune", cell, CellConfig(task=task, seed=seed), roles)
        data = _data_of(task)
        if system == FLOOR:
            return self._add("floor", cell, FloorConfig(task=data), inputs)
        path = evaluation.systems[system][name][seed - 1]
        return self._add("import", cell, ImportConfig(task=data, path=path), inputs)

    def _add_audits(self, audit: AuditConfig) -> None:
        for name in audit.models:
            reference = audit.reference or self._study.models[name].base
            read = self._corpora_of(name)
            read = [corpus for corpus in read if reference is None or corpus not in self._corpora_of(reference)]
            if reference is None or not read:
                what = "there is no model to compare with that has not read its text"
                raise ConfigError(what, where=f"audit: {name}", fix="set 'reference', or audit a continued model")
            untrained = self._model_node(reference) if audit.reference else self._start_node(name)
            inputs = {"model": self._model_node(name), "reference": untrained}
            inputs |= {f"corpus:{corpus}": self._corpus_node(corpus) for corpus in read}
            self._add("audit", name, audit.model_copy(update={"models": (name,)}), inputs)

    def _corpora_of(self, name: str) -> list[str]:
        """Recipes that a model has read, with those of the models that it starts from; none for one from outside."""
        model = self._study.models.get(name)
        if model is None:
            return []
        earlier = self._corpora_of(model.base) if model.base is not None else []
        return list(dict.fromkeys([*earlier, *(phase.corpus for phase in model.phases)]))

    def _add_report(self) -> None:
        inputs = {node: node for node in self._nodes}
        taken = {name: task.catalogue for name, task in self._study.tasks.items() if task.catalogue is not None}
        published = {name: entry for name, entry in taken.items() if entry_of(entry).published}
        settings = self._study.report.model_copy(update={"published": published | self._study.report.published})
        config = ReportConfig(study=self._study.name, settings=settings, ablations=ablation_points(self._study))
        self._add("report", self._study.name, config, inputs, tolerant=True)

    def _sorted(self) -> Graph:
        needs = {node.id: list(node.inputs.values()) for node in self._nodes.values()}
        try:
            order = TopologicalSorter(needs).static_order()
            return {node_id: self._nodes[node_id] for node_id in order}
        except CycleError as error:
            circle = " -> ".join(error.args[1])
            raise ConfigError(f"parts of the study need each other in a circle: {circle}", where="study") from None
