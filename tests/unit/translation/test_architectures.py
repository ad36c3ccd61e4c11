"""Each architecture with random weights: CTranslate2 gives the tokens of transformers, one by one."""

from __future__ import annotations

import json
import shutil
import sys
import types
from pathlib import Path

import ctranslate2
import pytest
import sentencepiece
import torch
from transformers import (
    FSMTConfig,
    FSMTForConditionalGeneration,
    GenerationConfig,
    M2M100Config,
    M2M100ForConditionalGeneration,
    M2M100Tokenizer,
    MarianConfig,
    MarianMTModel,
    NllbTokenizer,
    T5Config,
    T5ForConditionalGeneration,
    T5Tokenizer,
)
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

from gmlm.config import DecodingConfig
from gmlm.errors import ModelMismatchError
from gmlm.translation.engines import TranslationModel, open_engine
from gmlm.translation.engines.conversion import converted
from gmlm.translation.engines.vocabulary import Vocabulary

TEXTS = ["The patient has fever.", "pain", "The child has no pain, no fever and no cough."]
SIZES = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
HEADS = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
LENGTH = 100
TOKENS = 24
"""Of an output: random models do not end, and over hundreds of tokens two hypotheses come to tie."""


def outputs(model, name, beam_size):
    """The numbers of the tokens of each output, special ones aside."""
    decoding = DecodingConfig(engine=name, compute_type="float32", device="cpu", beam_size=beam_size, max_length=LENGTH)
    engine = open_engine(model, decoding)
    engine._vocabulary.target_limit = TOKENS
    special = {*engine._vocabulary.tokenizer.all_special_ids, engine._vocabulary.target_id}
    engine._vocabulary.decode = lambda ids: [number for number in ids if number not in special]
    if name == "transformers":
        engine._generation.max_new_tokens = TOKENS
    return engine.translate(TEXTS)


def assert_equal_tokens(model, beam_size):
    found = outputs(model, "ctranslate2", beam_size)
    assert found == outputs(model, "transformers", beam_size)
    assert max(map(len, found)) > TOKENS // 2


def pieces(folder):
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
    return [processor.id_to_piece(number) for number in range(processor.get_piece_size())]


def scatter(model):
    torch.manual_seed(5)
    for name, weight in model.named_parameters():
        if "embed_positions" not in name and "norm" not in name:
            torch.nn.init.normal_(weight, std=0.25)


def save(model, folder, **generation):
    """Weights far from each other, so that no two tokens tie; the decoder's settings beside them."""
    scatter(model)
    model.tie_weights()
    with torch.no_grad():  # no output ends early: the two engines stop their beams by different rules
        model.get_output_embeddings().weight[generation["eos_token_id"]].zero_()
    model.generation_config = GenerationConfig(**generation)
    model.save_pretrained(folder)


def unigrams(folder):
    """A vocabulary as T5's and NLLB's tokenizers take it: pieces with scores."""
    own = [piece for piece in pieces(folder) if not piece.startswith("<") and piece not in ("</s>", "<unk>")]
    return [(piece, -float(rank + 1)) for rank, piece in enumerate(own)]


@pytest.fixture(params=["madlad", "t5"])
def t5(request, tmp_path, tiny_folder):
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *unigrams(tiny_folder)]
    extra = ["<2de>"] if request.param == "madlad" else []
    tokenizer = T5Tokenizer(vocab=vocabulary, extra_ids=0, additional_special_tokens=extra)
    tokenizer.save_pretrained(tmp_path)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=48, num_layers=2, num_heads=2, decoder_start_token_id=0,
        feed_forward_proj="gated-gelu" if extra else "relu", tie_word_embeddings=not extra,
    )  # fmt: skip
    save(T5ForConditionalGeneration(config), tmp_path, decoder_start_token_id=0, eos_token_id=1, pad_token_id=0)
    return request.param, TranslationModel(tmp_path, f"random-{request.param}")


@pytest.mark.parametrize("beam_size", [1, 3])
def test_t5_and_madlad(t5, beam_size):
    family, model = t5
    assert_equal_tokens(model, beam_size)
    prefix = "<2de> " if family == "madlad" else "translate English to German: "
    vocabulary = Vocabulary(model.folder, LENGTH)
    assert vocabulary.encode(["pain"]) == vocabulary.tokenizer([prefix + "pain"])["input_ids"]


@pytest.fixture
def nllb(tmp_path, tiny_folder):
    own = ["<s>", "<pad>", "</s>", "<unk>", *(piece for piece, _ in unigrams(tiny_folder))]
    vocabulary = {piece: number for number, piece in enumerate(own)}
    tokenizer = NllbTokenizer(
        vocab=vocabulary, merges=[], additional_special_tokens=["eng_Latn", "deu_Latn", "fra_Latn"]
    )
    tokenizer.save_pretrained(tmp_path)
    config = M2M100Config(vocab_size=len(tokenizer), max_position_embeddings=128, **SIZES, **HEADS)
    save(M2M100ForConditionalGeneration(config), tmp_path, decoder_start_token_id=2, eos_token_id=2, pad_token_id=1)
    return TranslationModel(tmp_path, "random-nllb")


@pytest.mark.parametrize("beam_size", [1, 3])
def test_nllb(nllb, beam_size):
    assert_equal_tokens(nllb, beam_size)
    vocabulary = Vocabulary(nllb.folder, LENGTH)
    assert vocabulary.target_token == "deu_Latn"
    codes = vocabulary.tokenizer.convert_ids_to_tokens(vocabulary.encode(["pain"])[0])
    assert "eng_Latn" in codes


@pytest.fixture(params=["one language", "many languages"])
def marian(request, tmp_path, tiny_folder):
    """OPUS-MT, and a multilingual model of the Tatoeba Challenge, which is told its target language by a label."""
    shutil.copytree(tiny_folder, tmp_path, dirs_exist_ok=True)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 128}))
    vocabulary = json.loads((tmp_path / "vocab.json").read_text(encoding="utf-8"))
    many = request.param == "many languages"
    pad = vocabulary.pop("<pad>")
    vocabulary |= {">>deu<<": pad, "<pad>": pad + 1} if many else {"<pad>": pad}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    padding = vocabulary["<pad>"]
    config = MarianConfig(
        vocab_size=len(vocabulary), pad_token_id=padding, eos_token_id=0, decoder_start_token_id=padding,
        max_position_embeddings=128, activation_function="swish", scale_embedding=True, **SIZES, **HEADS,
    )  # fmt: skip
    own = {"decoder_start_token_id": padding, "eos_token_id": 0, "pad_token_id": padding}
    model = MarianMTModel(config)
    save(model, tmp_path, **own, bad_words_ids=[[padding]])
    with torch.no_grad():  # as in published weights: Marian's decoder starts from nothing
        model.get_input_embeddings().weight[padding].zero_()
    model.save_pretrained(tmp_path)
    return many, TranslationModel(tmp_path, f"random-marian-{request.param}")


@pytest.mark.parametrize("beam_size", [1, 3])
def test_marian(marian, beam_size):
    many, model = marian
    assert_equal_tokens(model, beam_size)
    vocabulary = Vocabulary(model.folder, LENGTH)
    assert (vocabulary.source_tokens(vocabulary.encode(["pain"])[0])[0] == ">>deu<<") == many


@pytest.fixture
def m2m100(tmp_path, tiny_folder):
    own = ["<s>", "<pad>", "</s>", "<unk>", *(piece for piece, _ in unigrams(tiny_folder))]
    (tmp_path / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(own)}))
    languages = [f"__{code}__" for code in FAIRSEQ_LANGUAGE_CODES["m2m100"]]
    files = (str(tmp_path / "vocab.json"), str(tiny_folder / "source.spm"))
    M2M100Tokenizer(*files, additional_special_tokens=languages).save_pretrained(tmp_path / "m2m")
    # Published weights have eight rows beyond the vocabulary.
    config = M2M100Config(vocab_size=len(own) + len(languages) + 8, max_position_embeddings=128, **SIZES, **HEADS)
    model = M2M100ForConditionalGeneration(config)
    save(model, tmp_path / "m2m", decoder_start_token_id=2, eos_token_id=2, pad_token_id=1)
    with torch.no_grad():  # no language is named in an output
        model.get_input_embeddings().weight[len(own) :].zero_()
    model.save_pretrained(tmp_path / "m2m")
    return TranslationModel(tmp_path / "m2m", "random-m2m100")


@pytest.mark.parametrize("beam_size", [1, 3])
def test_m2m100(m2m100, beam_size):
    assert_equal_tokens(m2m100, beam_size)
    assert Vocabulary(m2m100.folder, LENGTH).target_token == "__de__"


SOURCE_SIZE, TARGET_SIZE = 31, 90


@pytest.fixture
def fsmt(tmp_path):
    """A model like facebook/wmt19-en-de: two vocabularies, sinusoidal positions, norms behind the layers."""
    sizes = {"src_vocab_size": SOURCE_SIZE, "tgt_vocab_size": TARGET_SIZE, "max_position_embeddings": 128}
    config = FSMTConfig(langs=["en", "de"], **sizes, **SIZES, **HEADS, decoder_start_token_id=2)
    model = FSMTForConditionalGeneration(config)
    own = {"decoder_start_token_id": 2, "eos_token_id": 2, "pad_token_id": 1}
    scatter(model)
    model.generation_config = GenerationConfig(**own)
    model.save_pretrained(tmp_path)
    return TranslationModel(tmp_path, "random-fsmt")


@pytest.mark.parametrize("beam_size", [1, 4])
def test_fsmt_that_ctranslate2_itself_does_not_know(fsmt, beam_size):
    sources = [[5, 9, 30, 2], [7, 2], [11, 12, 13, 14, 15, 16, 2]]
    model = FSMTForConditionalGeneration.from_pretrained(fsmt.folder).eval()
    expected = []
    for ids in sources:
        found = model.generate(
            torch.tensor([ids]), num_beams=beam_size, max_new_tokens=TOKENS, do_sample=False,
            decoder_start_token_id=2, length_penalty=1.0, early_stopping=False,
        )[0].tolist()  # fmt: skip
        expected.append([str(number) for number in found[1:] if number != 2])
    translator = ctranslate2.Translator(str(converted(fsmt)), device="cpu")
    results = translator.translate_batch(
        [[str(number) for number in ids] for ids in sources], beam_size=beam_size, max_decoding_length=TOKENS
    )
    assert [result.hypotheses[0] for result in results] == expected
    assert any(int(token) >= SOURCE_SIZE for tokens in expected for token in tokens)


def test_an_fsmt_model_without_its_tokenizers_package_names_it(fsmt, monkeypatch):
    (fsmt.folder / "vocab-src.json").write_text(json.dumps({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a</w>": 4}))
    (fsmt.folder / "vocab-tgt.json").write_text(json.dumps({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a</w>": 4}))
    (fsmt.folder / "merges.txt").write_text("a </w> 1\n")
    settings = {"langs": ["en", "de"], "tokenizer_class": "FSMTTokenizer"}
    (fsmt.folder / "tokenizer_config.json").write_text(json.dumps(settings))
    monkeypatch.setitem(sys.modules, "sacremoses", None)
    with pytest.raises(ModelMismatchError, match=r"needs sacremoses\n.*pip install sacremoses"):
        Vocabulary(fsmt.folder, LENGTH)


def test_the_tokens_of_an_fsmt_model_are_its_numbers(fsmt, monkeypatch):
    """Through the engine: source and target vocabularies are not mixed up."""
    import gmlm.translation.engines.vocabulary as module

    def tokenizer(folder):
        made = types.SimpleNamespace(model_max_length=128, pad_token_id=1, eos_token_id=2)
        made.decode = lambda ids, **_: " ".join(map(str, ids))

        class Tokenizer(types.SimpleNamespace):
            def __call__(self, texts, **_):
                return {"input_ids": [[4 + len(word) for word in text.split()] + [2] for text in texts]}

        return Tokenizer(**vars(made))

    monkeypatch.setattr(module, "_tokenizer", tokenizer)
    decoding = DecodingConfig(compute_type="float32", device="cpu", max_length=LENGTH)
    found = open_engine(fsmt, decoding).translate(TEXTS)
    translator = ctranslate2.Translator(str(converted(fsmt)), device="cpu")
    sources = [[str(4 + len(word)) for word in text.split()] + ["2"] for text in TEXTS]
    limit = 128
    expected = translator.translate_batch(sources, beam_size=1, max_decoding_length=limit, max_input_length=0)
    assert found == [" ".join(result.hypotheses[0]) for result in expected]


def test_the_cache_of_conversions_is_found_by_content(fsmt, tmp_path):
    assert converted(fsmt) == converted(TranslationModel(Path("elsewhere"), "random-fsmt"))
