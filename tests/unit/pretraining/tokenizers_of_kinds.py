"""One small tokenizer of each kind, as transformers makes it, with a small model of each architecture."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    BertTokenizer,
    CamembertTokenizer,
    DebertaV2Tokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaTokenizer,
    XLMRobertaTokenizer,
)

from gmlm.pretraining.models import DEFAULTS

TEXTS = (
    "Der Patient hat eine schwache Pumpe und Muskel am Herz.",
    "Muskeln, Herzen und Knochen (schwach) sind gesund; insgesamt 12 mmHg.",
    "Die Patientin klagt über Schmerzen im Bauch, kein Fieber.",
)
"""None holds any of the new words."""
NEW_WORDS = ("Herzinsuffizienz", "Muskelschwäche")
LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÜ0123456789.,;()"


def _wordpiece() -> Any:
    pieces = ["Der", "Patient", "Herz", "Muskel", "##in", "##suff", "##schw", "und", *LETTERS]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces, *(f"##{letter}" for letter in LETTERS)]
    return BertTokenizer(vocab={token: i for i, token in enumerate(dict.fromkeys(vocabulary))}, do_lower_case=False)


def _bpe() -> Tokenizer:
    core = Tokenizer(models.BPE())
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        TEXTS * 3, trainers.BpeTrainer(vocab_size=330, special_tokens=special, initial_alphabet=alphabet)
    )
    core.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return core


def _roberta() -> Any:
    made = json.loads(_bpe().to_str())["model"]
    return RobertaTokenizer(vocab=made["vocab"], merges=[tuple(merge) for merge in made["merges"]])


def _modernbert() -> Any:
    names = {"cls": "<s>", "sep": "</s>", "pad": "<pad>", "mask": "<mask>", "unk": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=_bpe(), **{f"{kind}_token": token for kind, token in names.items()})


def _pieces(special: tuple[str, ...]) -> list[tuple[str, float]]:
    """A SentencePiece vocabulary; log probabilities of a plausible size."""
    words = [("▁Herz", -5.0), ("▁Muskel", -5.5), ("in", -4.0), ("suff", -6.0), ("▁Der", -3.0), ("▁Patient", -5.0)]
    return [*((token, 0.0) for token in special), ("▁", -2.0), *((letter, -8.0) for letter in LETTERS), *words]


KINDS: dict[str, tuple[str, Callable[[], Any]]] = {
    "bert": ("bert", _wordpiece),
    "electra": ("electra", _wordpiece),
    "roberta": ("roberta", _roberta),
    "modernbert": ("modernbert", _modernbert),
    "xlm-roberta": (
        "xlm-roberta",
        lambda: XLMRobertaTokenizer(vocab=[*_pieces(("<s>", "<pad>", "</s>", "<unk>")), ("<mask>", 0.0)]),
    ),
    "camembert": ("camembert", lambda: CamembertTokenizer(vocab=_pieces(("<s>", "<pad>", "</s>", "<unk>")))),
    "deberta-v2": ("deberta-v2", lambda: DebertaV2Tokenizer(vocab=_pieces(("[PAD]", "[CLS]", "[SEP]", "[UNK]")))),
}
"""Architecture and tokenizer by kind. DeBERTa's [MASK] and some of CamemBERT's lie behind the vocabulary."""


def model_of(kind: str, tokenizer: Any, *, spare: int = 0, **settings: Any) -> PreTrainedModel:
    """A small model with random weights, also where a new one would have zeros, and `spare` rows too many."""
    torch.manual_seed(1)
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos", "cls", "sep")}
    config = AutoConfig.for_model(
        KINDS[kind][0],
        vocab_size=len(tokenizer) + spare,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        **({"embedding_size": 16} if kind == "electra" else {}),
        **{name: token for name, token in ids.items() if token is not None},
        **DEFAULTS.get(kind, {}),
        **settings,
    )
    model = AutoModelForMaskedLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()
