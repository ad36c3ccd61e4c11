"""Encoders with a masked-language-model head: loaded from a folder, or made from an architecture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from gmlm.config import ArchitectureConfig
from gmlm.errors import ConfigError, DataFormatError, ModelMismatchError
from gmlm.telemetry import get_logger
from gmlm.training.encoders import position_offset

_logger = get_logger(__name__)

SPARE_ROWS, SPARE_SHARE = 128, 0.01
"""An embedding may exceed its tokenizer by so many rows or this share of them: published models round it up."""

TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
"""Files of which a tokenizer has at least one; without any, transformers silently makes an empty one."""

DEFAULTS: Mapping[str, Mapping[str, int | float | str | bool]] = {
    # What makes DeBERTa v2/v3 (He et al. 2021) out of transformers' bare default.
    "deberta-v2": {
        "relative_attention": True,
        "position_buckets": 256,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": "p2c|c2p",
        "position_biased_input": False,
        "type_vocab_size": 0,
    },
}


def load_tokenizer(folder: Path, name: str) -> Any:
    """The tokenizer in a folder; `name` names it in errors.

    Raises:
        DataFormatError: There is none.
    """
    try:
        if not any(True for pattern in TOKENIZER_FILES for _ in folder.glob(pattern)):
            raise ValueError
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError):
        raise DataFormatError(
            "no tokenizer that transformers can load", where=name, fix="add tokenizer.json and tokenizer_config.json"
        ) from None


def load_encoder(folder: Path, name: str, seed: int, head: Any = AutoModelForMaskedLM) -> PreTrainedModel:
    """The model in a folder, in fp32. Weights that the checkpoint lacks, such as a missing head, follow the seed.

    Args:
        folder: Holds it.
        name: Names it in errors.
        seed: Of what it lacks.
        head: Class of transformers; a masked language model by default.

    Raises:
        DataFormatError: The folder holds no such model in safetensors.
        ModelMismatchError: Weights of the encoder itself are missing.
    """
    torch.manual_seed(seed)
    transformers_logging.disable_progress_bar()
    try:
        model, loading = head.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError):
        raise DataFormatError(
            "no encoder in safetensors that transformers can load",
            where=name,
            fix="use an encoder with config.json and model.safetensors; convert pytorch_model.bin first",
        ) from None
    _check_complete(model, loading["missing_keys"], name)
    return cast(PreTrainedModel, model)


def _check_complete(model: PreTrainedModel, missing: Iterable[str], name: str) -> None:
    """Refuse a checkpoint without parts of the encoder; a missing head is only worth a warning."""
    prefix = f"{model.base_model_prefix}."
    lost = sorted(key for key in missing if key.startswith(prefix))
    if lost:
        what = f"{len(lost)} weights of the encoder are missing, such as {lost[0]}"
        raise ModelMismatchError(what, where=name, fix="use a complete checkpoint that fits its config.json")
    if missing:
        _logger.warning("the checkpoint lacks the head that is trained; it starts at random", extra={"model": name})


def build_encoder(
    config: ArchitectureConfig,
    tokenizer: Any,
    longest_row: int,
    seed: int,
    build: Callable[[Any], Any] = AutoModelForMaskedLM.from_config,
) -> PreTrainedModel:
    """An encoder with random weights for a tokenizer, with at least 512 positions; `build` adds the head.

    Raises:
        ConfigError: A setting is unknown to the architecture, or its value is refused.
    """
    known = AutoConfig.for_model(config.model_type).to_dict()
    for setting in config.settings:
        if setting not in known:
            near = get_close_matches(setting, list(known), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"see the configuration of {config.model_type!r}"
            raise ConfigError(f"unknown setting {setting!r}", where="architecture.settings", fix=hint)
    offset = tokenizer.pad_token_id + 1 if config.model_type == "roberta" else 0
    settings = {
        "max_position_embeddings": max(512, longest_row) + offset,
        **DEFAULTS.get(config.model_type, {}),
        **config.settings,
        "vocab_size": len(tokenizer),
        **_special_ids(known, tokenizer),
    }
    torch.manual_seed(seed)
    try:
        return cast(PreTrainedModel, build(AutoConfig.for_model(config.model_type, **settings)).float())
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(f"transformers refuses the architecture: {error}", where="architecture.settings") from None


def _special_ids(known: Mapping[str, Any], tokenizer: Any) -> dict[str, int]:
    """The tokenizer's special ids under the names that the architecture has a default for; bos is cls, eos is sep."""
    ids = {"pad": tokenizer.pad_token_id, "cls": tokenizer.cls_token_id, "sep": tokenizer.sep_token_id}
    ids |= {"bos": ids["cls"], "eos": ids["sep"], "mask": tokenizer.mask_token_id}
    return {f"{kind}_token_id": token for kind, token in ids.items() if known.get(f"{kind}_token_id") is not None}


def check_vocabulary(model: PreTrainedModel, tokenizer: Any, name: str) -> None:
    """Check that tokenizer and embedding belong together.

    Raises:
        ModelMismatchError: The embedding is smaller than the tokenizer, or far larger.
    """
    rows, tokens = model.get_input_embeddings().weight.shape[0], len(tokenizer)
    if not tokens <= rows <= tokens + max(SPARE_ROWS, SPARE_SHARE * rows):
        raise ModelMismatchError(
            f"the tokenizer has {tokens} tokens and the embedding {rows} rows",
            where=name,
            fix="use the tokenizer that the model was trained with",
        )


def check_length(model: PreTrainedModel, sequence_length: int, where: str) -> None:
    """Check that the model has positions for a row.

    Raises:
        ConfigError: It has fewer.
    """
    positions = int(getattr(model.config, "max_position_embeddings", sequence_length)) - position_offset(model)
    if model.config.model_type != "deberta-v2" and sequence_length > positions:
        raise ConfigError(
            f"rows of {sequence_length} tokens, but the model has {positions} positions",
            where=where,
            fix=f"set sequence_length to at most {positions}",
        )
