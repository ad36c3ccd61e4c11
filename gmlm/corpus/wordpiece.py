"""Trains a WordPiece tokenizer for German; equal text gives an equal vocabulary."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Callable, Iterable

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from gmlm.config.corpora import TokenizerTraining
from gmlm.errors import ConfigError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MODEL_MAX_LENGTH = 512
BASE_ALPHABET = frozenset(string.digits + string.ascii_letters + string.punctuation + "ÄÖÜäöüß" + "µ°")
"""Characters that always get a token, so that doses and units of clinical text are known to every tokenizer."""
ALPHABET_LIMIT = 1000
"""Further characters that get one, the most frequent first, as in BERT; what is in neither becomes `[UNK]`."""
CONTINUATION = "##"

Texts = Callable[[], Iterable[str]]
"""Gives all texts, anew at each call."""


def train_wordpiece(texts: Texts, config: TokenizerTraining) -> PreTrainedTokenizerFast:
    """Train on the texts in two passes: the alphabet, then the word pieces (Wu et al. 2016, as in BERT).

    Unlike in lower-casing BERT models, accents and umlauts are kept, and case unless `lowercase` is set.

    Raises:
        ConfigError: The vocabulary is too small for the characters of the texts.
    """
    pipeline = _pipeline({}, lowercase=config.lowercase)
    alphabet = _alphabet(pipeline.normalizer, texts())
    # The library numbers "##x" pieces in the order of a randomly seeded hash map, and merges of equal frequency
    # follow that numbering. Giving it all single characters, in order, makes the vocabulary reproducible.
    within_words = (CONTINUATION + character for character in alphabet if _continues(pipeline, character))
    fixed = [*SPECIAL_TOKENS, *alphabet, *within_words]
    if len(fixed) > config.vocab_size:
        what = f"{config.vocab_size} tokens cannot hold the {len(fixed)} single characters and special tokens"
        raise ConfigError(what, where="vocab_size", fix="raise it to several times that number")
    trainer = trainers.WordPieceTrainer(
        vocab_size=config.vocab_size, special_tokens=fixed, limit_alphabet=0, show_progress=False
    )
    pipeline.train_from_iterator(texts(), trainer)
    # A new pipeline with the same vocabulary: in the trained one all of `fixed` count as special tokens.
    return _for_transformers(_pipeline(pipeline.get_vocab(), lowercase=config.lowercase))


def _pipeline(vocabulary: dict[str, int], *, lowercase: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.BertNormalizer(strip_accents=False, lowercase=lowercase)]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=CONTINUATION)
    if vocabulary:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS]:0 $A:0 [SEP]:0",
            pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
            special_tokens=[(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")],
        )
    return tokenizer


def _alphabet(normalizer: normalizers.Normalizer, texts: Iterable[str]) -> list[str]:
    """The base alphabet and the most frequent of the other characters, in the order of their code points."""
    base = {normalizer.normalize_str(character) for character in BASE_ALPHABET}
    counts = Counter[str]()
    for text in texts:
        counts.update(normalizer.normalize_str(text))
    others = [character for character in counts if character not in base and not character.isspace()]
    others.sort(key=lambda character: (-counts[character], character))
    return sorted([*base, *others[:ALPHABET_LIMIT]])


def _continues(pipeline: Tokenizer, character: str) -> bool:
    """Whether a character can stand within a word: asked of the pre-tokenizer, which splits at punctuation."""
    return len(pipeline.pre_tokenizer.pre_tokenize_str(f"a{character}")) == 1


def _for_transformers(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=MODEL_MAX_LENGTH,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
