import json
import shutil

import pytest
from pydantic import ValidationError

from gmlm.config import DecodingConfig, RetryConfig, TranslatorConfig
from gmlm.config.translation import ShortlistConfig
from gmlm.errors import DataFormatError, InputNotFoundError
from gmlm.study.node import Node
from gmlm.study.raw_inputs import raw_files
from gmlm.translation.engines import TranslationModel, open_engine
from gmlm.translation.engines.shortlist import SHORTLIST_FILE, Shortlist
from gmlm.translation.engines.vocabulary import Vocabulary
from gmlm.translation.shortlist import write_shortlist
from gmlm.translation.translator import build_translator


@pytest.fixture
def sentences(pairs):
    return [pair.en for pair in pairs]


@pytest.fixture
def copy(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "copy")


def lines_of(folder):
    lines = (folder / SHORTLIST_FILE).read_text(encoding="utf-8").split("\n")[:-1]
    return {key: found.split() for key, _, found in (line.partition("\t") for line in lines)}


def engine(folder, name, **settings):
    decoding = DecodingConfig(compute_type="float32", device="cpu", **settings)
    return open_engine(TranslationModel(folder, f"shortlist-{name}"), decoding)


@pytest.mark.parametrize("beam", [1, 3])
def test_with_every_token_allowed_outputs_are_those_without_a_shortlist(copy, tiny_model, beam, sentences):
    free = open_engine(tiny_model, DecodingConfig(compute_type="float32", device="cpu", beam_size=beam))
    tokens = Vocabulary(copy, 100).tokenizer.get_vocab()
    restrict(copy, " ".join(token for token in tokens if token != "<pad>"), tokens)
    assert engine(copy, f"whole-{beam}", beam_size=beam).translate(sentences) == free.translate(sentences)


def test_a_shortlist_learnt_from_the_models_language_leaves_its_translations(copy, tiny_model, sentences, pairs):
    free = open_engine(tiny_model, DecodingConfig(compute_type="float32", device="cpu"))
    write_shortlist(copy, pairs, ShortlistConfig(candidates=10, frequent=10))
    allowed = {token for found in lines_of(copy).values() for token in found}
    assert len(allowed) < len(Vocabulary(copy, 100).tokenizer)
    assert engine(copy, "small").translate(sentences) == free.translate(sentences)


def restrict(folder, line, known):
    """A shortlist that knows `known`, and allows nothing but what `line` names."""
    text = f"\t{line}\n" + "".join(f"{token}\t{line}\n" for token in known)
    (folder / SHORTLIST_FILE).write_text(text, encoding="utf-8")


def test_outputs_hold_allowed_tokens_only(copy, sentences):
    vocabulary = Vocabulary(copy, 100)
    restrict(copy, "", vocabulary.tokenizer.get_vocab())
    translated = engine(copy, "nothing", max_length=30).translate(sentences[:3])
    assert not any(any(letter.isalpha() for letter in text.replace("<unk>", "")) for text in translated)


def test_a_source_with_an_unknown_token_is_translated_with_the_whole_vocabulary(copy, tiny_model, sentences):
    vocabulary = Vocabulary(copy, 100)
    odd, even = vocabulary.source_tokens(vocabulary.encode(["The child has fever for 3 days."])[0]), sentences[0]
    restrict(copy, "", set(vocabulary.source_tokens(vocabulary.encode([even])[0])))
    assert not Shortlist.read(copy).covers(odd)
    free = open_engine(tiny_model, DecodingConfig(compute_type="float32", device="cpu"))
    texts = [even, "The child has fever for 3 days.", even]
    translated = engine(copy, "partly").translate(texts)
    assert translated[1] == free.translate(texts)[1]
    assert translated[0] == translated[2] != free.translate(texts)[0]


def test_a_retry_is_free_of_the_shortlist(copy, tiny_model, sentences):
    restrict(copy, "", Vocabulary(copy, 100).tokenizer.get_vocab())
    retry = RetryConfig(beam_size=2)
    free = open_engine(tiny_model, DecodingConfig(compute_type="float32", device="cpu"))
    assert engine(copy, "retried").translate(sentences[:3], retry) == free.translate(sentences[:3], retry)


def test_a_translator_back_into_english_is_free_of_the_shortlist(copy, tiny_model, sentences):
    restrict(copy, "", Vocabulary(copy, 100).tokenizer.get_vocab())
    decoding = DecodingConfig(compute_type="float32", device="cpu")
    free, back = (
        open_engine(model, decoding, "de-en") for model in (tiny_model, TranslationModel(copy, "shortlist-back"))
    )
    assert back.translate(sentences[:3]) == free.translate(sentences[:3])


def test_rare_source_tokens_are_unknown_and_tokens_may_stay_as_they_are(copy, pairs):
    write_shortlist(copy, [*pairs, pairs[0]._replace(en="zz", de="zz")], ShortlistConfig(candidates=3, frequent=2))
    found = lines_of(copy)
    assert len(found[""]) == 2
    assert all(len(tokens) <= 4 and token in tokens for token, tokens in found.items() if token)
    rare = {token for token in Vocabulary(copy, 100).tokenizer.tokenize("zz") if "z" in token}
    assert rare
    assert not rare & found.keys()


def test_pairs_are_taken_evenly_over_the_file(copy, pairs):
    write_shortlist(copy, [pair for pair in pairs for _ in range(3)], ShortlistConfig(pairs=len(pairs)))
    sampled = (copy / SHORTLIST_FILE).read_bytes()
    write_shortlist(copy, pairs, ShortlistConfig())
    assert (copy / SHORTLIST_FILE).read_bytes() == sampled


class TestStage:
    @pytest.fixture(autouse=True)
    def parallel(self, tmp_path, pairs, training):
        self.training = training
        lines = [{"en": pair.en, "de": pair.de} for pair in pairs]
        (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def trained(self, run, **shortlist):
        training = self.training.model_copy(update={"steps": 2})
        return build_translator(TranslatorConfig(train=training, shortlist=shortlist), run)

    def copied(self, run, tiny_folder, **shortlist):
        return build_translator(TranslatorConfig(model=str(tiny_folder), shortlist=shortlist), run)

    def test_a_trained_translator_learns_it_from_the_same_pairs(self, make_run):
        made = self.trained(make_run("translator", "one"))
        again = self.trained(make_run("translator", "two"), parallel="pairs.jsonl")
        first, second = ([f for f in each.files if f.path == f"model/{SHORTLIST_FILE}"] for each in (made, again))
        assert first == second
        assert made.counters["shortlist tokens"] > 20

    def test_a_model_learns_it_from_parallel_text_and_another_shortlist_is_another_model(self, make_run, tiny_folder):
        models = []
        for name, candidates in (("one", 5), ("two", 6)):
            run = make_run("translator", name)
            made = self.copied(run, tiny_folder, parallel="pairs.jsonl", candidates=candidates)
            models.append(TranslationModel.of(run, made).content)
        assert models[0] != models[1]

    def test_a_line_without_a_pair_is_named(self, make_run, tiny_folder, tmp_path):
        (tmp_path / "bad.jsonl").write_text('{"en": "Fever."}\n')
        with pytest.raises(DataFormatError, match=r"bad\.jsonl:1"):
            self.copied(make_run("translator"), tiny_folder, parallel="bad.jsonl")

    def test_its_text_is_an_input_of_the_plan(self, tmp_path, tiny_folder):
        config = TranslatorConfig(model=str(tiny_folder), shortlist={"parallel": "pairs.jsonl"})
        assert raw_files(Node("translator", "a", config, 13), tmp_path)["pairs.jsonl"] == tmp_path / "pairs.jsonl"
        missing = TranslatorConfig(model=str(tiny_folder), shortlist={"parallel": "none.jsonl"})
        with pytest.raises(InputNotFoundError):
            raw_files(Node("translator", "a", missing, 13), tmp_path)


@pytest.mark.parametrize(
    ("translator", "message"),
    [
        ({"model": "x", "shortlist": {}}, "'parallel'"),
        ({"endpoint": {"url": "http://a", "model": "x"}, "shortlist": {"parallel": "p"}}, "ctranslate2"),
        ({"model": "x", "shortlist": {"parallel": "p"}, "decoding": {"engine": "transformers"}}, "ctranslate2"),
    ],
)
def test_a_study_that_cannot_have_one_is_refused(translator, message):
    with pytest.raises(ValidationError, match=message):
        TranslatorConfig.model_validate(translator)
