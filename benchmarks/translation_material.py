"""Models and texts of the translation benchmark: made once in a folder, found there when it goes on."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import GenerationConfig, MarianConfig, MarianMTModel, MarianTokenizer

from gmlm.config import TranslatorTraining
from gmlm.demo import generate_world
from gmlm.translation.engines.shortlist import SHORTLIST_FILE
from gmlm.translation.joint_vocabulary import train_vocabulary, write_tokenizer
from gmlm.translation.marian import train_marian
from gmlm.translation.parallel import Pair

HELD_OUT = 200
VOCABULARY = 58_101
"""As in Helsinki-NLP/opus-mt-en-de, whose shape the model of base size has."""
LISTED = 5_000
"""Output tokens that the shortlist of the model of base size allows a batch. Learnt from FLORES dev (997 pairs in a
vocabulary of 20,000, by the defaults) batches of 16 of its sentences have 2,600; more text names more tokens."""
NEVER = -1e4
"""Bias of the end of sequence in the model with random weights: every output is as long as it may be."""


def demo_pairs(folder: Path) -> tuple[list[Pair], list[Pair]]:
    """Parallel text of the demo's world: to train on, and held out."""
    parallel = folder / "world" / "parallel" / "train.jsonl.gz"
    if not parallel.exists():
        generate_world(folder / "world", seed=13, size="tiny")
    with gzip.open(parallel, "rt", encoding="utf-8") as lines:
        pairs = [Pair(record["en"], record["de"]) for record in map(json.loads, lines)]
    return pairs[HELD_OUT:], pairs[:HELD_OUT]


def base_model(folder: Path, pairs: Sequence[Pair]) -> Path:
    """Marian of base size (Junczys-Dowmunt et al. 2018) with random weights, its vocabulary padded to the full size."""
    made = folder / "base"
    if not (made / "config.json").exists():
        train_vocabulary(pairs, 2000, folder / "vocabulary")
        _random_marian(folder / "vocabulary", made, 128)
    return made


def with_shortlist(folder: Path, write: Callable[[Path], object]) -> Path:
    """The same model beside it, with the shortlist that `write` puts into a folder."""
    made = folder.with_name(f"{folder.name}-shortlist")
    if not (made / SHORTLIST_FILE).exists():
        shutil.rmtree(made, ignore_errors=True)
        shutil.copytree(folder, made, copy_function=os.link)
        write(made)
    return made


def write_fixed_shortlist(folder: Path) -> None:
    """One of realistic size: which tokens it names makes no difference to a model with random weights."""
    pieces = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    known = [token for token in pieces if token != "<pad>"]
    step = len(known) / LISTED
    listed = " ".join(known[int(step * number)] for number in range(LISTED))
    lines = [f"\t{listed}", *(f"{token}\t{token}" for token in known)]
    (folder / SHORTLIST_FILE).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def small_model(folder: Path, pairs: Sequence[Pair], steps: int) -> Path:
    """A small Marian trained on the pairs."""
    training = TranslatorTraining(parallel="x", steps=steps)
    made = folder / "small.json"
    if not made.exists():
        trained = train_marian(pairs, training, scratch=folder / "training", seed=13, fingerprint="benchmark").folder
        made.write_text(json.dumps(str(trained)))
    return Path(json.loads(made.read_text()))


def _random_marian(vocabulary: Path, folder: Path, lengths: int) -> None:
    write_tokenizer(vocabulary, folder, lengths)
    pieces = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    pad = pieces.pop("<pad>")
    pieces |= {f"unused{number}": number for number in range(pad, VOCABULARY - 1)} | {"<pad>": VOCABULARY - 1}
    (folder / "vocab.json").write_text(json.dumps(pieces, ensure_ascii=False), encoding="utf-8")
    tokenizer = MarianTokenizer.from_pretrained(folder)
    torch.manual_seed(13)
    config = MarianConfig(
        vocab_size=VOCABULARY, d_model=512,
        encoder_layers=6, decoder_layers=6, encoder_ffn_dim=2048, decoder_ffn_dim=2048,
        encoder_attention_heads=8, decoder_attention_heads=8, activation_function="swish", scale_embedding=True,
        pad_token_id=tokenizer.pad_token_id, eos_token_id=0, decoder_start_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = MarianMTModel(config)
    model.final_logits_bias[0, 0] = NEVER
    pad = VOCABULARY - 1
    model.generation_config = GenerationConfig(decoder_start_token_id=pad, pad_token_id=pad, eos_token_id=0)
    model.save_pretrained(folder)


def sentences(pairs: Sequence[Pair], tokenizer: MarianTokenizer, count: int, seed: int) -> list[str]:
    """Texts whose lengths are log-normal with a mean of 28 tokens, as in PubMed's sentences."""
    rng = np.random.default_rng(seed)
    words = " ".join(pair.en for pair in pairs).split()
    wanted = np.clip(rng.lognormal(np.log(28) - 0.18, 0.6, count), 4, 110).astype(int)
    texts = []
    for length in wanted:
        start, size = int(rng.integers(len(words) - 200)), int(length)
        while len(tokenizer(" ".join(words[start : start + size]))["input_ids"]) > length and size > 1:
            size -= 1
        texts.append(" ".join(words[start : start + size]))
    return texts
