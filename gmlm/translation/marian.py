"""Trains a small Marian translation model from scratch (Junczys-Dowmunt et al. 2018) on parallel text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig, MarianConfig, MarianMTModel, MarianTokenizer

from gmlm.config import TranslatorTraining
from gmlm.errors import EmptyCorpusError
from gmlm.training import Batch, LossFunction, TrainingMetrics, TrainingResult, train
from gmlm.translation.joint_vocabulary import train_vocabulary, write_tokenizer
from gmlm.translation.length_batches import IGNORED, LengthBatches, TokenPair
from gmlm.translation.parallel import Pair

POSITIONS_PER_TOKEN = 2
"""Positions of the decoder per token of the longest training pair: output may be longer than its source."""


@dataclass(frozen=True)
class TrainedTranslator:
    """A trained translator's files and figures.

    Attributes:
        folder: Hugging Face model folder.
        record: What `training.json` holds.
        used: Pairs trained on.
        too_long: Pairs left out because a side exceeds `max_length`.
    """

    folder: Path
    record: dict[str, Any]
    used: int
    too_long: int


def train_marian(
    pairs: Sequence[Pair], config: TranslatorTraining, *, scratch: Path, seed: int, fingerprint: str, name: str = ""
) -> TrainedTranslator:
    """Train on all pairs that fit, resuming from `scratch`; the model folder lies in `scratch` too.

    Metrics are labelled with `name`.

    Raises:
        EmptyCorpusError: No pair fits.
    """
    vocabulary, folder = scratch / "vocabulary", scratch / "model"
    train_vocabulary(pairs, config.vocab_size, vocabulary)
    tokenizer = write_tokenizer(vocabulary, folder, config.max_length)
    encoded = _encode(pairs, tokenizer, config.max_length)
    if not encoded:
        raise EmptyCorpusError("every pair exceeds 'max_length'", where=config.parallel, fix="raise it, or split pairs")
    longest = max(max(map(len, pair)) for pair in encoded)
    tokenizer = write_tokenizer(vocabulary, folder, longest)
    model = _initialise(config, tokenizer, longest, seed)
    batches = LengthBatches(encoded, config.batch_tokens, pad=tokenizer.pad_token_id, seed=seed)
    result = train(
        model,
        loss=translation_loss(tokenizer.pad_token_id, config.optimisation.label_smoothing),
        batches=batches,
        steps=config.steps,
        optimisation=config.optimisation,
        seed=seed,
        fingerprint=fingerprint,
        checkpoints=scratch / "checkpoints",
        hooks=[TrainingMetrics("translator", _tokens(encoded) / batches.per_epoch, model=name)],
        description="Train translator",
    )
    _save(model, folder)
    record = _record(model, result, len(encoded), batches.per_epoch)
    return TrainedTranslator(folder, record, len(encoded), len(pairs) - len(encoded))


def translation_loss(pad: int, label_smoothing: float) -> LossFunction:
    """Cross entropy over target tokens, with label smoothing (Szegedy et al. 2016) and without padding.

    Padding, the last of the vocabulary, is no class: it is never predicted, and its embedding, which the decoder starts
    from, stays the zero vector that Marian and CTranslate2 take it for.
    """

    def loss(model: nn.Module, batch: Batch) -> torch.Tensor:
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "decoder_input_ids")}
        logits = model(**inputs, use_cache=False).logits[..., :pad]
        return cross_entropy(
            logits.flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED, label_smoothing=label_smoothing
        )

    return loss


def _encode(pairs: Sequence[Pair], tokenizer: MarianTokenizer, limit: int) -> list[TokenPair]:
    """The pairs of which both sides have at most `limit` tokens."""
    sources = tokenizer([pair.en for pair in pairs], verbose=False)["input_ids"]
    targets = tokenizer(text_target=[pair.de for pair in pairs], verbose=False)["input_ids"]
    encoded = (TokenPair(*sides) for sides in zip(sources, targets, strict=True))
    return [pair for pair in encoded if max(map(len, pair)) <= limit]


def _tokens(pairs: Sequence[TokenPair]) -> int:
    """Tokens of both sides, without padding."""
    return sum(len(pair.source) + len(pair.target) for pair in pairs)


def _initialise(config: TranslatorTraining, tokenizer: MarianTokenizer, longest: int, seed: int) -> MarianMTModel:
    settings = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=config.hidden_size,
        encoder_layers=config.layers,
        decoder_layers=config.layers,
        encoder_attention_heads=config.heads,
        decoder_attention_heads=config.heads,
        encoder_ffn_dim=config.feed_forward_size,
        decoder_ffn_dim=config.feed_forward_size,
        max_position_embeddings=POSITIONS_PER_TOKEN * longest,
        dropout=config.dropout,
        activation_function="swish",
        scale_embedding=True,
        # Glorot's, as in Marian; transformers' 0.02 is made for wide models and starts small ones many times slower.
        init_std=config.hidden_size**-0.5,
        share_encoder_decoder_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = MarianMTModel(settings)
    with torch.no_grad():
        model.get_input_embeddings().weight[tokenizer.pad_token_id].zero_()
    return model


def _save(model: MarianMTModel, folder: Path) -> None:
    """Save weights and decoding settings, which transformers keeps apart from the model's configuration."""
    pad = model.config.pad_token_id
    model.generation_config = GenerationConfig(
        decoder_start_token_id=pad, pad_token_id=pad, eos_token_id=model.config.eos_token_id, bad_words_ids=[[pad]]
    )
    model.cpu().save_pretrained(folder)


def _record(model: MarianMTModel, result: TrainingResult, pairs: int, per_epoch: int) -> dict[str, Any]:
    return {
        "steps": result.steps,
        "epochs": round(result.steps / per_epoch, 2),
        "pairs": pairs,
        "parameters": sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        "curve": [asdict(point) for point in result.curve],
    }


def training_json(record: dict[str, Any]) -> bytes:
    """The training record as stored."""
    return (json.dumps(record, indent=2, sort_keys=True) + "\n").encode()
