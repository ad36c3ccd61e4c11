"""Back-translation and estimators: their scores stand beside the text, and recipes can look at them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import sacrebleu
import torch
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, BertTokenizerFast

import gmlm.translation.opinions as opinions
import gmlm.translation.shard_translator as shard_translator
from gmlm.config import RecipeConfig, SourceConfig, TranslateConfig, parse_study
from gmlm.corpus.filters import quality_in
from gmlm.errors import ConfigError, ModelMismatchError
from gmlm.shards import Document, read_documents, read_shards, write_documents
from gmlm.study.graph import build_graph
from gmlm.study.raw_inputs import raw_files
from gmlm.translation.engines.vocabulary import Vocabulary
from gmlm.translation.opinions import Estimator
from gmlm.translation.report import measure
from gmlm.translation.translate import translate

PAIRS = {"No fever today.": "Heute kein Fieber.", "The wound heals.": "Die Wunde heilt."}
BACK = {"Heute kein Fieber.": "No fever today.", "Die Wunde heilt.": "The cut is healing."}


class Table:
    """An engine that looks its outputs up, and counts what it is asked."""

    source_limit = 50

    def __init__(self, known):
        self.known, self.asked = known, []

    def lengths(self, texts):
        return [len(text.split()) for text in texts]

    def translate(self, batch, retry=None):
        self.asked += batch
        return [self.known[text] for text in batch]


@pytest.fixture
def back(monkeypatch):
    engine = Table(BACK)
    monkeypatch.setattr(shard_translator, "open_engine", lambda model, decoding: Table(PAIRS))
    monkeypatch.setattr(opinions, "open_engine", lambda model, decoding, direction: engine)
    return engine


@pytest.fixture
def run(make_run, tiny_translator):
    ingest = make_run("ingest", "notes")
    text = "No fever today.\n120/80\nThe wound heals.\nNo fever today."
    entries = write_documents(ingest, iter([Document("a", "notes", "en", text)]))
    source = ingest.publish("documents", SourceConfig(reader="text", path="x"), entries)
    inputs = {"documents": source, "translator": tiny_translator, "back_translator": tiny_translator}
    return make_run("translate", "notes_de", inputs=inputs)


@pytest.fixture
def estimator(tmp_path: Path) -> Path:
    """A small BERT with random weights and one output."""
    folder = tmp_path / "estimator"
    words = dict.fromkeys(" ".join([*PAIRS, *PAIRS.values()]).replace(".", " .").split())
    vocabulary = {token: n for n, token in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words))}
    BertTokenizerFast(vocab=vocabulary, do_lower_case=False).save_pretrained(folder)
    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=len(vocabulary), num_labels=1, initializer_range=0.5, **sizes)
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        model.classifier.weight.mul_(0.1)
        model.classifier.bias.fill_(0.5)
    model.save_pretrained(folder)
    return folder


def config(**quality):
    translation = {"source": "notes", "translator": "tiny", "quality": {"retry": None, **quality}}
    return TranslateConfig(translation=translation, decoding={})


def column(run, manifest, name):
    return [row[name] for table in read_shards(run.store, manifest, "alignment") for row in table.to_pylist()]


def test_what_comes_back_is_compared_by_chrf(run, back):
    manifest = translate(config(back_translator="back"), run)
    found = column(run, manifest, "back_chrf")
    expected = sacrebleu.sentence_chrf("The cut is healing.", ["The wound heals."]).score / 100
    assert found == [1, None, pytest.approx(expected, abs=1e-4), 1]
    assert sorted(back.asked) == ["Die Wunde heilt.", "Heute kein Fieber."]
    figures, worst = measure(run.store, manifest, worst=1)
    assert figures.opinions["back_chrf"]["50%"] == 1
    assert "back_chrf at quantile: 1% 0." in figures.text()
    assert "back_chrf" in worst[0]
    (document,) = read_documents(run.store, manifest)
    assert float(document.meta["back_chrf"]) == pytest.approx((6 + 3 * expected) / 9, abs=1e-4)


def test_an_estimator_reads_source_and_output_as_a_pair(run, back, estimator):
    manifest = translate(config(estimator=estimator.name), run)
    tokenizer = AutoTokenizer.from_pretrained(estimator)
    model = BertForSequenceClassification.from_pretrained(estimator).eval()
    with torch.no_grad():
        expected = [float(model(**tokenizer(*pair, return_tensors="pt")).logits[0, 0]) for pair in PAIRS.items()]
    assert all(0 < value < 1 for value in expected)
    assert len({round(value, 3) for value in expected}) == 2
    one, nothing, other, again = column(run, manifest, "estimate")
    assert (one, other) == (pytest.approx(expected[0], abs=1e-4), pytest.approx(expected[1], abs=1e-4))
    assert (nothing, again) == (None, one)
    assert back.asked == []


def test_a_folder_with_another_model_is_no_estimator(estimator, tmp_path):
    model = BertForSequenceClassification.from_pretrained(estimator)
    model.config.num_labels = 3
    BertForSequenceClassification(model.config).save_pretrained(estimator)
    with pytest.raises(ModelMismatchError, match="3 labels"):
        Estimator(estimator.name, tmp_path).estimate([("a", "b")])
    with pytest.raises(ModelMismatchError, match="no estimator"):
        Estimator("elsewhere", tmp_path).estimate([("a", "b")])


def test_without_models_the_alignment_has_no_more_columns(run, back):
    manifest = translate(config(), run)
    (table,) = read_shards(run.store, manifest, "alignment")
    assert table.column_names[-1] == "score"


def test_a_recipe_looks_at_the_score_that_it_names():
    meta = '{"translation_quality": "1.0000", "back_chrf": "0.4000"}'
    recipe = RecipeConfig(sources={"x": {}}, translation_score="back_chrf")
    assert quality_in(meta, recipe.translation_score) == 0.4
    assert quality_in(meta) == 1.0
    assert quality_in(meta, "estimate") is None


STUDY = """
name: x
sources: {notes: {reader: text, path: a.txt}}
translators: {there: {model: there}, back: {MODEL, decoding: {beam_size: 2}}}
translations: {german: {source: notes, translator: there, quality: {back_translator: back, estimator: judge}}}
"""


def test_the_models_are_inputs_of_the_translation(tmp_path):
    node = build_graph(parse_study(STUDY.replace("MODEL", "model: back")))["translate/german"]
    assert node.inputs["back_translator"] == "translator/back"
    assert node.config.back_decoding.beam_size == 2
    (tmp_path / "judge").mkdir()
    (tmp_path / "judge" / "model.safetensors").write_text("weights")
    assert list(raw_files(node, tmp_path)) == ["model.safetensors"]


def test_a_trained_translator_translates_into_german_only():
    with pytest.raises(ConfigError, match="'back' translates into German only"):
        parse_study(STUDY.replace("MODEL", "train: {parallel: a.jsonl}"))


def test_the_way_back_has_its_own_labels(tiny_folder, tmp_path):
    shutil.copytree(tiny_folder, tmp_path / "many")
    vocabulary = json.loads((tmp_path / "many" / "vocab.json").read_text(encoding="utf-8"))
    vocabulary |= {">>deu<<": len(vocabulary), ">>eng<<": len(vocabulary) + 1}
    (tmp_path / "many" / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    for direction, label in (("en-de", ">>deu<<"), ("de-en", ">>eng<<")):
        made = Vocabulary(tmp_path / "many", 100, direction)
        assert made.source_tokens(made.encode(["Fieber"])[0])[0] == label
