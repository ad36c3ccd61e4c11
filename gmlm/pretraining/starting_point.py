"""What the phases of a model start from: its base or random weights, with the head that its objective trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import ElectraForPreTraining

from gmlm.config import GeneratorConfig, ModelConfig
from gmlm.config.models import GENERATOR
from gmlm.pretraining.electra import ElectraPair, Trainee, generator_for, load_discriminator, parts_of
from gmlm.pretraining.models import build_encoder, check_vocabulary, load_encoder, load_tokenizer
from gmlm.stage import StageRun
from gmlm.training.dropout import quicken_dropout


def starting_point(config: ModelConfig, run: StageRun) -> tuple[Trainee, Any]:
    """The model to train, and its tokenizer.

    Raises:
        ModelMismatchError: Model, tokenizer and generator do not belong together.
    """
    folder = None
    if config.architecture is None:
        folder = run.local_folder(run.inputs["base"], "model")
        tokenizer = load_tokenizer(folder, run.name)
        load = load_discriminator if config.detects else load_encoder
        model = load(folder, run.name, run.seed)
    else:
        tokenizer = load_tokenizer(run.local_folder(run.inputs["tokenizer"], "tokenizer"), run.name)
        longest = max(phase.sequence_length for phase in config.phases)
        head = {"build": ElectraForPreTraining} if config.detects else {}
        model = build_encoder(config.architecture, tokenizer, longest, run.seed, **head)
    check_vocabulary(model, tokenizer, run.name)
    trainee = _with_generator(model, tokenizer, config.generator, folder, run) if config.detects else model
    for part in parts_of(trainee):
        quicken_dropout(part)
    return trainee, tokenizer


def _with_generator(
    model: ElectraForPreTraining, tokenizer: Any, config: GeneratorConfig | None, base: Path | None, run: StageRun
) -> ElectraPair:
    """The discriminator with the generator that is named, that its base has, or a new one."""
    settings = config or GeneratorConfig()
    folder = None
    if "generator" in run.inputs:
        folder = run.local_folder(run.inputs["generator"], "model")
    elif settings.size is None and base is not None and (base / GENERATOR).is_dir():
        folder = base
    generator = generator_for(model, tokenizer, settings, folder, run.name, run.seed)
    return ElectraPair(
        model,
        generator,
        discriminator_weight=settings.discriminator_weight,
        share_embeddings=settings.share_embeddings,
    )
