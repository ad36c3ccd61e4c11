"""The study: everything from raw text to the table, by name."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from gmlm.config.ablations import AblationConfig, expansion
from gmlm.config.audit import AuditConfig
from gmlm.config.base import Frozen, Name
from gmlm.config.corpora import RecipeConfig, SourceConfig, TokenizerConfig
from gmlm.config.evaluation import EvaluationConfig
from gmlm.config.models import ModelConfig
from gmlm.config.report import ReportSettings
from gmlm.config.tasks import TaskConfig
from gmlm.config.translation import ReferenceConfig, TranslationConfig, TranslatorConfig


class StudyConfig(Frozen):
    """One study. Names tie its parts together; each is checked when the file is read."""

    name: Name
    """Name of the study; it labels metrics and the report."""
    store: str = "runs"
    """Folder or `s3://bucket/prefix` for everything that the study writes; relative paths start at the study file."""
    seed: int = Field(13, ge=0)
    """Seed of every sampling and initialisation outside the cells."""
    sources: dict[Name, SourceConfig] = Field(default_factory=dict)
    """Texts to ingest."""
    references: dict[Name, ReferenceConfig] = Field(default_factory=dict)
    """Parallel texts that translators are scored on."""
    translators: dict[Name, TranslatorConfig] = Field(default_factory=dict)
    """Translation models."""
    translations: dict[Name, TranslationConfig] = Field(default_factory=dict)
    """Sources to translate."""
    recipes: dict[Name, RecipeConfig] = Field(default_factory=dict)
    """Corpora to build from sources and translations."""
    tokenizers: dict[Name, TokenizerConfig] = Field(default_factory=dict)
    """Tokenizers, where models do not bring their own."""
    models: dict[Name, ModelConfig] = Field(default_factory=dict)
    """Encoders to start from, continue or train."""
    tasks: dict[Name, TaskConfig] = Field(default_factory=dict)
    """Downstream tasks."""
    evaluation: EvaluationConfig | None = None
    """Cells and comparison; a study without it ends with its models."""
    ablations: dict[Name, AblationConfig] = Field(default_factory=dict)
    """Settings of pre-training that are varied; their models join the comparison, and each has a plot in the report."""
    audit: AuditConfig | None = None
    """What the models remember of their training text; without it none is audited."""
    report: ReportSettings = ReportSettings()
    """What the report may show."""

    @model_validator(mode="after")
    def _names_refer_to_parts(self) -> Self:
        from gmlm.config.references import check_references

        study = self.model_copy(update=expansion(self)) if self.ablations else self
        check_references(study)
        return study
