"""The study's configuration: one frozen pydantic tree, from one YAML file."""

from gmlm.config.ablations import AblationConfig, AblationPoint, ablation_points
from gmlm.config.audit import AuditConfig
from gmlm.config.corpora import (
    CanaryConfig,
    RecipeConfig,
    SourceConfig,
    SourceMix,
    TokenizerConfig,
    TokenizerTraining,
    TokensConfig,
    TreatmentConfig,
)
from gmlm.config.evaluation import FLOOR, CombinedTask, EvaluationConfig, FloorConfig, ImportConfig
from gmlm.config.load import load_study, parse_study, study_text
from gmlm.config.models import (
    ArchitectureConfig,
    BaseModelConfig,
    CheckpointConfig,
    GeneratorConfig,
    ModelConfig,
    PhaseConfig,
    VocabularyConfig,
)
from gmlm.config.optimisation import OptimisationConfig
from gmlm.config.report import PricesConfig, ReportConfig, ReportSettings
from gmlm.config.study import StudyConfig
from gmlm.config.tasks import CellConfig, FinetuneConfig, GridConfig, TaskConfig, TaskTranslationConfig
from gmlm.config.translation import (
    DecodingConfig,
    EndpointConfig,
    QualityConfig,
    ReferenceConfig,
    RetryConfig,
    TranslateConfig,
    TranslationConfig,
    TranslatorConfig,
    TranslatorScoreConfig,
    TranslatorTraining,
)

__all__ = [
    "FLOOR",
    "AblationConfig",
    "AblationPoint",
    "ArchitectureConfig",
    "AuditConfig",
    "BaseModelConfig",
    "CanaryConfig",
    "CellConfig",
    "CheckpointConfig",
    "CombinedTask",
    "DecodingConfig",
    "EndpointConfig",
    "EvaluationConfig",
    "FinetuneConfig",
    "FloorConfig",
    "GeneratorConfig",
    "GridConfig",
    "ImportConfig",
    "ModelConfig",
    "OptimisationConfig",
    "PhaseConfig",
    "PricesConfig",
    "QualityConfig",
    "RecipeConfig",
    "ReferenceConfig",
    "ReportConfig",
    "ReportSettings",
    "RetryConfig",
    "SourceConfig",
    "SourceMix",
    "StudyConfig",
    "TaskConfig",
    "TaskTranslationConfig",
    "TokenizerConfig",
    "TokenizerTraining",
    "TokensConfig",
    "TranslateConfig",
    "TranslationConfig",
    "TranslatorConfig",
    "TranslatorScoreConfig",
    "TranslatorTraining",
    "TreatmentConfig",
    "VocabularyConfig",
    "ablation_points",
    "load_study",
    "parse_study",
    "study_text",
]
