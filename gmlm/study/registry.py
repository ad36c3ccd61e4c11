"""The stages: their functions, the commands they belong to, and the revision of their output."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Literal, cast

from gmlm.stage import Stage


@dataclass(frozen=True)
class StageEntry:
    """A stage as the runner knows it.

    Attributes:
        function: `module:function`; imported when the stage runs, as it loads torch and other heavy libraries.
        command: The command of the command line that runs it.
        revision: Raised whenever the stage makes other output from the same input, so that old output is not reused.
        gpus: GPUs that a process of it uses where there are any: none, one, or one for each of its worker processes.
    """

    function: str
    command: str
    revision: int = 1
    gpus: Literal["none", "one", "workers"] = "none"


STAGES: dict[str, StageEntry] = {
    "ingest": StageEntry("gmlm.corpus.ingest:ingest", "ingest", revision=2),
    "task": StageEntry("gmlm.finetuning.prepare:prepare_task", "ingest", revision=2),
    "translator": StageEntry("gmlm.translation.translator:build_translator", "translate", gpus="one"),
    "translator-score": StageEntry("gmlm.translation.score:score_translator", "translate", gpus="one"),
    "translate": StageEntry("gmlm.translation.translate:translate", "translate", gpus="workers"),
    "task-translation": StageEntry("gmlm.finetuning.translation:translate_task", "translate", gpus="one"),
    "corpus": StageEntry("gmlm.corpus.build:build_corpus", "build-corpus"),
    "treatment": StageEntry("gmlm.corpus.treatment:treat_corpus", "build-corpus"),
    "tokenizer": StageEntry("gmlm.corpus.tokenizer:build_tokenizer", "build-corpus"),
    "base-model": StageEntry("gmlm.pretraining.base_model:import_model", "pretrain", revision=2),
    "vocabulary": StageEntry("gmlm.pretraining.vocabulary:extend_vocabulary", "build-corpus"),
    "tokens": StageEntry("gmlm.corpus.tokenize:tokenize_corpus", "build-corpus", revision=3),
    "pretrain": StageEntry("gmlm.pretraining.pretrain:pretrain", "pretrain", revision=4, gpus="one"),
    "checkpoint": StageEntry("gmlm.pretraining.kept_steps:publish_checkpoint", "pretrain"),
    "finetune": StageEntry("gmlm.finetuning.finetune:finetune", "finetune", revision=3, gpus="one"),
    "floor": StageEntry("gmlm.evaluation.floors.floor:floor", "evaluate"),
    "import": StageEntry("gmlm.evaluation.predictions:import_predictions", "evaluate"),
    "evaluate": StageEntry("gmlm.evaluation.evaluate:evaluate", "evaluate", revision=3),
    "audit": StageEntry("gmlm.audit.audit:audit", "audit", revision=2, gpus="one"),
    "report": StageEntry("gmlm.report.report:build_report", "report", revision=6),
}
"""Every stage, in the order in which a study needs them."""

COMMANDS = tuple(dict.fromkeys(entry.command for entry in STAGES.values()))
"""Commands of the command line that run stages, in order."""


def load_stage(stage: str) -> Stage:
    """Import the function of a stage."""
    module, _, function = STAGES[stage].function.partition(":")
    return cast(Stage, getattr(import_module(module), function))
