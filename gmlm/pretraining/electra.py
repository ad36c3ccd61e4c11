"""ELECTRA's two models (Clark et al. 2020, arXiv 2003.10555): a discriminator, and the generator of its tasks."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, TypeAlias, cast

import torch
from torch import nn
from transformers import AutoConfig, ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining, PreTrainedModel

from gmlm.config.models import GENERATOR, GeneratorConfig
from gmlm.errors import ModelMismatchError
from gmlm.pretraining.models import check_vocabulary, load_encoder, load_tokenizer
from gmlm.telemetry import get_logger

DEFAULT_SIZE = 0.25
"""Width of a new generator as share of the discriminator's; the paper finds a quarter to a half best (section 3.2)."""

_logger = get_logger(__name__)


class ElectraPair(nn.Module):
    """Discriminator and generator as one module, so that one optimiser and one checkpoint hold both.

    Args:
        discriminator: The model that is wanted.
        generator: Fills in masked tokens for it; both have one vocabulary.
        discriminator_weight: Factor of the discriminator's loss beside the generator's.
        share_embeddings: Let both use, and train, the discriminator's embeddings, where their sizes are equal.
    """

    def __init__(
        self,
        discriminator: ElectraForPreTraining,
        generator: ElectraForMaskedLM,
        *,
        discriminator_weight: float = GeneratorConfig().discriminator_weight,
        share_embeddings: bool = False,
    ) -> None:
        super().__init__()
        self.discriminator, self.generator = discriminator, generator
        self.discriminator_weight = discriminator_weight
        if share_embeddings:
            _share_embeddings(generator, discriminator)


Trainee: TypeAlias = PreTrainedModel | ElectraPair
"""What a phase trains: a masked language model, or a discriminator with its generator."""


def parts_of(model: Trainee) -> list[PreTrainedModel]:
    """The models of transformers that it consists of; the one that is published comes first."""
    return [model.discriminator, model.generator] if isinstance(model, ElectraPair) else [model]


def load_as_it_is(folder: Path, name: str, seed: int) -> Trainee:
    """The model in a folder with the head that it has: ELECTRA's for detection, with its generator if it brings one.

    Raises:
        DataFormatError: The folder holds no encoder in safetensors.
        ModelMismatchError: Weights of the encoder itself are missing.
    """
    if not _is_discriminator(folder):
        return cast(PreTrainedModel, load_encoder(folder, name, seed))
    discriminator = load_encoder(folder, name, seed, ElectraForPreTraining)
    if not (folder / GENERATOR).is_dir():
        return cast(PreTrainedModel, discriminator)
    return ElectraPair(discriminator, load_encoder(folder / GENERATOR, name, seed))


def load_discriminator(folder: Path, name: str, seed: int) -> ElectraForPreTraining:
    """The ELECTRA in a folder as a discriminator; without a head for detection it gets one by the seed.

    Raises:
        ModelMismatchError: It is no ELECTRA.
    """
    _check_electra(folder, name)
    return load_encoder(folder, name, seed, ElectraForPreTraining)


def generator_for(
    discriminator: ElectraForPreTraining,
    tokenizer: Any,
    config: GeneratorConfig,
    folder: Path | None,
    name: str,
    seed: int,
) -> ElectraForMaskedLM:
    """The generator in a folder, or beside the discriminator in it; without a folder, a new one.

    Raises:
        ModelMismatchError: It is no ELECTRA, or has another vocabulary than the discriminator.
    """
    if folder is None:
        return new_generator(discriminator.config, config.size or DEFAULT_SIZE, seed + 1)
    own = folder / GENERATOR if (folder / GENERATOR).is_dir() else folder
    where = f"models.{name}.generator"
    _check_electra(own, where)
    theirs = load_tokenizer(folder, where)
    if theirs.get_vocab() != tokenizer.get_vocab():
        fix = "give a generator with the tokenizer of the discriminator, or a 'size' for a new one"
        raise ModelMismatchError("generator and discriminator have different vocabularies", where=where, fix=fix)
    generator = load_encoder(own, where, seed + 1)
    check_vocabulary(generator, tokenizer, where)
    return generator


def new_generator(discriminator: ElectraConfig, size: float, seed: int) -> ElectraForMaskedLM:
    """A generator with random weights: as deep as the discriminator and narrower by a factor; heads keep their size."""
    config = copy.deepcopy(discriminator)
    heads = max(1, round(size * discriminator.num_attention_heads))
    config.num_attention_heads = heads
    config.hidden_size = discriminator.hidden_size // discriminator.num_attention_heads * heads
    config.intermediate_size = max(1, round(size * discriminator.intermediate_size))
    torch.manual_seed(seed)
    return ElectraForMaskedLM(config)


def _is_discriminator(folder: Path) -> bool:
    try:
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return "ElectraForPreTraining" in (settings.get("architectures") or [])
    except (OSError, ValueError, AttributeError):  # whoever loads the folder says what is wrong
        return False


def _check_electra(folder: Path, where: str) -> None:
    """Refuse other architectures: transformers would fill an ELECTRA with random weights instead."""
    try:
        found = AutoConfig.from_pretrained(folder, trust_remote_code=False).model_type
    except (OSError, ValueError, KeyError):  # loading says what is wrong
        return
    if found != "electra":
        raise ModelMismatchError(
            f"replaced-token detection trains ELECTRA, not {found!r}",
            where=where,
            fix="name an ELECTRA model, or leave out 'objective'",
        )


def _share_embeddings(generator: ElectraForMaskedLM, discriminator: ElectraForPreTraining) -> None:
    """Put the discriminator's embeddings (tokens, positions, types and their norm) into the generator."""
    ours = dict(generator.electra.embeddings.named_parameters())
    theirs = dict(discriminator.electra.embeddings.named_parameters())
    if {name: weight.shape for name, weight in ours.items()} != {name: weight.shape for name, weight in theirs.items()}:
        _logger.warning("generator and discriminator have embeddings of different sizes; they are not shared")
        return
    for name, weight in theirs.items():
        layer, _, kind = name.rpartition(".")
        setattr(generator.electra.embeddings.get_submodule(layer), kind, cast(nn.Parameter, weight))
    if generator.config.tie_word_embeddings:
        generator.generator_lm_head.weight = generator.electra.embeddings.word_embeddings.weight
