import json
import shutil

import pytest
import torch
from transformers import (
    GenerationConfig,
    LEDConfig,
    M2M100Config,
    M2M100ForConditionalGeneration,
    M2M100Tokenizer,
)
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

import gmlm.translation.engines.conversion as conversion
from gmlm.config import DecodingConfig
from gmlm.errors import ModelMismatchError
from gmlm.translation.engines import TranslationModel, open_engine

SENTENCES = [
    "The patient has fever for 3 days.",
    "The woman denies pain.",
    "The child reports nausea for 2 days.",
    "Fever.",
]


def engine(model, name, **settings):
    return open_engine(model, DecodingConfig(engine=name, compute_type="float32", device="cpu", **settings))


def test_ctranslate2_in_float32_gives_the_greedy_outputs_of_transformers(tiny_model):
    outputs = engine(tiny_model, "ctranslate2").translate(SENTENCES)
    assert outputs == engine(tiny_model, "transformers").translate(SENTENCES)
    assert all(outputs)


@pytest.mark.parametrize("name", ["ctranslate2", "transformers"])
def test_beam_search_is_deterministic_and_aligned(tiny_model, name):
    loaded = engine(tiny_model, name, beam_size=3)
    outputs = loaded.translate(SENTENCES)
    assert outputs == loaded.translate(SENTENCES)
    assert len(outputs) == len(SENTENCES)


@pytest.mark.parametrize("name", ["ctranslate2", "transformers"])
def test_an_output_does_not_depend_on_its_batch(tiny_model, name):
    loaded = engine(tiny_model, name)
    assert loaded.translate(SENTENCES) == [loaded.translate([sentence])[0] for sentence in SENTENCES]


def test_a_trained_pair_is_translated(tiny_model):
    assert engine(tiny_model, "ctranslate2").translate(["The woman has pain for 3 days."])[0].startswith("Die Frau")


@pytest.mark.parametrize("name", ["ctranslate2", "transformers"])
def test_a_segment_over_the_limit_is_refused_rather_than_cut(tiny_model, name):
    loaded = engine(tiny_model, name)
    text = "pain " * 100
    assert loaded.lengths([text])[0] > loaded.source_limit
    with pytest.raises(ModelMismatchError, match="exceeds"):
        loaded.translate([text])


def test_the_limit_is_the_least_of_configuration_and_model(tiny_model):
    assert engine(tiny_model, "transformers", max_length=5).source_limit == 5
    assert engine(tiny_model, "transformers").source_limit < 256


def test_an_empty_batch_of_lengths(tiny_model):
    assert engine(tiny_model, "transformers").lengths([]) == []


def test_a_model_is_converted_once(tiny_folder, monkeypatch):
    model = TranslationModel(tiny_folder, "converted-once")
    first = conversion.converted(model)
    monkeypatch.setattr(conversion, "TransformersConverter", None)
    assert conversion.converted(model) == first
    assert conversion.converted(TranslationModel(tiny_folder / "elsewhere", "converted-once")) == first


def test_an_interrupted_conversion_leaves_nothing(tiny_folder, monkeypatch):
    def interrupted(folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(conversion, "TransformersConverter", interrupted)
    before = sorted(conversion.cache_folder().glob("*"))
    with pytest.raises(KeyboardInterrupt):
        conversion.converted(TranslationModel(tiny_folder, "interrupted"))
    assert sorted(conversion.cache_folder().glob("*")) == before


def test_two_processes_that_convert_at_once_agree(tiny_folder, monkeypatch):
    model = TranslationModel(tiny_folder, "raced")
    convert = conversion._convert

    def overtaken(folder, output):
        convert(folder, output)
        shutil.copytree(
            output, conversion.cache_folder() / f"raced-{conversion.ctranslate2.__version__}-{conversion.REVISION}"
        )

    monkeypatch.setattr(conversion, "_convert", overtaken)
    assert (conversion.converted(model) / "model.bin").exists()


LANGUAGES = [f"__{code}__" for code in FAIRSEQ_LANGUAGE_CODES["m2m100"]]


@pytest.fixture
def multilingual(tmp_path, tiny_folder):
    """Makes an untrained M2M100 whose weights have a number of rows beyond its vocabulary."""

    def make(surplus):
        own = [piece for piece in json.loads((tiny_folder / "vocab.json").read_text()) if not piece.startswith("<")]
        pieces = ["<s>", "<pad>", "</s>", "<unk>", *own]
        (tmp_path / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}))
        files = (str(tmp_path / "vocab.json"), str(tiny_folder / "source.spm"))
        M2M100Tokenizer(*files, additional_special_tokens=LANGUAGES).save_pretrained(tmp_path / "m2m")
        layers = {"encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
        heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
        size = len(pieces) + len(LANGUAGES) + surplus
        sizes = {"vocab_size": size, "d_model": 16, "init_std": 0.3, "max_position_embeddings": 40}
        torch.manual_seed(3)
        model = M2M100ForConditionalGeneration(M2M100Config(**sizes, **layers, **heads))
        model.generation_config = GenerationConfig(decoder_start_token_id=2, eos_token_id=2, pad_token_id=1)
        model.save_pretrained(tmp_path / "m2m")
        return TranslationModel(tmp_path / "m2m", f"m2m-{surplus}")

    return make


def test_a_multilingual_model_is_told_to_translate_into_german(multilingual):
    outputs = [engine(multilingual(8), name).translate(["pain.", "fever"]) for name in ("transformers", "ctranslate2")]
    assert outputs[0] == outputs[1]
    assert not any("__de__" in output for output in outputs[0])


def test_weights_that_do_not_fit_the_vocabulary_name_the_cure(multilingual):
    with pytest.raises(ModelMismatchError, match=r"m2m_100: CTranslate2 refuses it.*\n.*engine: transformers"):
        engine(multilingual(-20), "ctranslate2")


def test_an_architecture_unknown_to_ctranslate2_names_the_cure(tmp_path):
    LEDConfig().save_pretrained(tmp_path)
    with pytest.raises(ModelMismatchError, match=r"led: .*\n.*engine: transformers"):
        conversion.converted(TranslationModel(tmp_path, "led"))


def test_a_folder_without_weights_is_no_model(tmp_path, tiny_folder):
    for file in tiny_folder.iterdir():
        if file.suffix != ".safetensors" and file.is_file():
            shutil.copy(file, tmp_path)
    with pytest.raises(ModelMismatchError, match="safetensors"):
        engine(TranslationModel(tmp_path, "x"), "transformers")


def test_the_thread_count_is_torchs(tiny_model, monkeypatch):
    made = {}
    monkeypatch.setattr(
        "gmlm.translation.engines.ctranslate2.ctranslate2.Translator",
        lambda folder, **options: made.update(options),
    )
    engine(tiny_model, "ctranslate2")
    assert made["intra_threads"] == torch.get_num_threads()
