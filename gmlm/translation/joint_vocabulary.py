"""Trains the joint SentencePiece vocabulary of a small Marian model and stores it as a Hugging Face tokenizer."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import sentencepiece
from transformers import MarianTokenizer

from gmlm.errors import DataFormatError
from gmlm.translation.parallel import Pair

PAD = "<pad>"


def train_vocabulary(pairs: Sequence[Pair], vocab_size: int, folder: Path) -> None:
    """Write `source.spm`, `target.spm` and `vocab.json` of one vocabulary for both languages.

    The numbering is Marian's: `</s>` 0, `<unk>` 1, `<pad>` last, `vocab_size` tokens in all or fewer where the text
    does not hold so many. Equal pairs give equal bytes: one thread, and no file name enters the model.

    Raises:
        DataFormatError: The text is too small or too varied for the vocabulary.
    """
    model = _train(chain.from_iterable(pairs), vocab_size - 1)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    pieces = [processor.id_to_piece(number) for number in range(processor.get_piece_size())]
    vocabulary = {piece: number for number, piece in enumerate([*pieces, PAD])}
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(model)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def write_tokenizer(vocabulary: Path, folder: Path, model_max_length: int) -> MarianTokenizer:
    """Store the tokenizer of a vocabulary's folder with the length that its model has been trained for."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("source.spm", "target.spm", "vocab.json"):
        (folder / name).write_bytes((vocabulary / name).read_bytes())
    settings = {
        "tokenizer_class": "MarianTokenizer",
        "source_lang": "en",
        "target_lang": "de",
        "model_max_length": model_max_length,
        "separate_vocabs": False,
        "unk_token": "<unk>",
        "eos_token": "</s>",
        "pad_token": PAD,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    return MarianTokenizer.from_pretrained(folder)


def _train(texts: Iterable[str], size: int) -> bytes:
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=model,
            vocab_size=size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            split_digits=True,
            num_threads=1,
            eos_id=0,
            unk_id=1,
            bos_id=-1,
            pad_id=-1,
            minloglevel=2,
        )
    except RuntimeError:
        raise DataFormatError(
            f"no vocabulary of {size + 1} tokens can be made of the parallel text",
            fix="give more pairs, or a 'vocab_size' above the number of distinct characters",
        ) from None
    return model.getvalue()
