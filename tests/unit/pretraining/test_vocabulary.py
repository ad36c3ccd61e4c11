"""New words: old texts stay as they were, new rows are means, and the folder loads by AutoModel and AutoTokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer, PreTrainedTokenizerFast

from gmlm.config import BaseModelConfig, ModelConfig, VocabularyConfig, parse_study
from gmlm.errors import EmptyCorpusError, ModelMismatchError
from gmlm.manifest import Manifest
from gmlm.pretraining.added_words import add_words
from gmlm.pretraining.base_model import save_model
from gmlm.pretraining.masking import vocabulary_of
from gmlm.pretraining.new_words import frequent_words
from gmlm.pretraining.vocabulary import extend_vocabulary
from gmlm.stage import StageRun
from gmlm.study.graph import build_graph
from tests.unit.pretraining.tokenizers_of_kinds import KINDS, NEW_WORDS, TEXTS, model_of

MakeRun = Callable[..., StageRun]
PHASES = [{"corpus": "c", "steps": 1}]
WORDS = VocabularyConfig(words=NEW_WORDS)


@pytest.fixture
def extend(make_run: MakeRun, tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Put a model into the store and extend it: the folders before and after."""

    def made(model: Any, tokenizer: Any, config: VocabularyConfig = WORDS) -> tuple[Path, Path]:
        before = make_run("base-model", "old")
        save_model(model, tokenizer, tmp_path / "old")
        base = before.publish("model", BaseModelConfig(model="old"), before.upload_folder(tmp_path / "old", "model"))
        run = make_run("vocabulary", "new", inputs={"base": base})
        manifest: Manifest = extend_vocabulary(config, run)
        return tmp_path / "old", run.local_folder(manifest, "model")

    return made


@pytest.mark.parametrize("kind", KINDS)
def test_texts_without_new_words_have_the_same_ids_and_hidden_states(kind: str, extend: Any) -> None:
    tokenizer = KINDS[kind][1]()
    old, new = extend(model_of(kind, tokenizer), tokenizer)
    hidden = []
    for folder in (old, new):
        encoded = AutoTokenizer.from_pretrained(folder)(list(TEXTS), padding=True, return_tensors="pt")
        model = AutoModel.from_pretrained(folder).eval()
        hidden.append((encoded["input_ids"], model(**encoded).last_hidden_state))
    assert torch.equal(hidden[0][0], hidden[1][0])
    assert torch.equal(hidden[0][1], hidden[1][1])


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_new_words_are_the_means_of_their_pieces(kind: str, extend: Any) -> None:
    tokenizer = KINDS[kind][1]()
    old, new = extend(model_of(kind, tokenizer), tokenizer)
    before, after = (AutoModelForMaskedLM.from_pretrained(folder).eval() for folder in (old, new))
    rows, new_rows = before.get_input_embeddings().weight, after.get_input_embeddings().weight
    logits = after(**AutoTokenizer.from_pretrained(new)(TEXTS[0], return_tensors="pt")).logits
    assert torch.equal(new_rows[: len(rows)], rows)
    for place, word in enumerate(NEW_WORDS):
        pieces = tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
        (token,) = AutoTokenizer.from_pretrained(new)(f" {word}", add_special_tokens=False)["input_ids"]
        assert len(pieces) > 2
        assert token == len(tokenizer) + place
        assert torch.allclose(new_rows[token], rows[pieces].mean(0))
        # The output layer is linear, bias included: so are its logits.
        assert torch.allclose(logits[..., token], logits[..., pieces].mean(-1), atol=1e-5)


def test_an_output_layer_of_its_own_gets_means_too(extend: Any) -> None:
    tokenizer = KINDS["bert"][1]()
    old, new = extend(model_of("bert", tokenizer, tie_word_embeddings=False), tokenizer)
    before, after = (AutoModelForMaskedLM.from_pretrained(folder).get_output_embeddings() for folder in (old, new))
    pieces = tokenizer(NEW_WORDS[0], add_special_tokens=False)["input_ids"]
    assert not torch.equal(before.weight, AutoModelForMaskedLM.from_pretrained(old).get_input_embeddings().weight)
    assert torch.allclose(after.weight[len(tokenizer)], before.weight[pieces].mean(0))
    assert torch.allclose(after.bias[len(tokenizer)], before.bias[pieces].mean())


def test_spare_rows_of_a_published_model_are_used_first(extend: Any) -> None:
    tokenizer = KINDS["deberta-v2"][1]()
    _, new = extend(model_of("deberta-v2", tokenizer, spare=50), tokenizer)
    assert AutoModel.from_pretrained(new).get_input_embeddings().weight.shape[0] == len(tokenizer) + 50


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_word_is_a_word_for_whole_word_masking_and_at_punctuation(kind: str, extend: Any) -> None:
    tokenizer = KINDS[kind][1]()
    _, new = extend(model_of(kind, tokenizer), tokenizer)
    loaded = AutoTokenizer.from_pretrained(new)
    text = "Der Patient: Herzinsuffizienz, Muskelschwäche."
    ids = loaded(text, add_special_tokens=False)["input_ids"]
    added = [place for place, token in enumerate(ids) if token >= len(tokenizer)]
    assert len(added) == 2
    assert not vocabulary_of(loaded, "new").continues_word[[ids[place] for place in added]].any()
    assert loaded.convert_ids_to_tokens([ids[added[0] + 1], ids[-1]]) == [",", "."]


def test_frequent_words_are_those_that_save_most_tokens() -> None:
    tokenizer = KINDS["bert"][1]()
    documents = ["Herzinsuffizienz Herzinsuffizienz", "Herzinsuffizienz Muskelschwäche", "Patient Muskelschwäche x12"]
    found = frequent_words(documents, tokenizer, number=5, min_documents=2, min_pieces=3)
    pieces = [len(tokenizer.tokenize(word)) for word in ("Herzinsuffizienz", "Muskelschwäche")]
    assert pieces == [9, 6]
    assert found == ["Herzinsuffizienz", "Muskelschwäche"]
    assert frequent_words(documents, tokenizer, number=1, min_documents=2, min_pieces=3) == ["Herzinsuffizienz"]
    assert not frequent_words(documents, tokenizer, number=5, min_documents=3, min_pieces=3)


def test_a_word_that_is_known_or_no_word_is_left_out() -> None:
    tokenizer = KINDS["bert"][1]()
    made, entries = add_words(tokenizer, ["Patient", "zwei Worte", "Herz-Kreislauf", "Herzinsuffizienz"], "x")
    assert entries == ["Herzinsuffizienz"]
    assert len(made) == len(tokenizer) + 1


def test_a_tokenizer_of_another_kind_is_refused() -> None:
    core = Tokenizer(models.WordLevel({"<unk>": 0, "a": 1}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(ModelMismatchError, match="WordLevel") as caught:
        add_words(PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>"), ["Herz"], "models.x")
    assert caught.value.where == "models.x"


def test_merges_that_never_make_a_word_of_the_vocabulary_are_refused() -> None:
    core = KINDS["modernbert"][1]().backend_tokenizer
    settings = json.loads(core.to_str())
    settings["model"]["vocab"]["ĠSchmerzmittel"] = len(settings["model"]["vocab"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(settings)), unk_token="<unk>")
    with pytest.raises(ModelMismatchError, match="never make 1 of its words"):
        add_words(tokenizer, ["Herzinsuffizienz"], "x")


def test_words_that_are_all_known_are_refused(extend: Any) -> None:
    tokenizer = KINDS["bert"][1]()
    with pytest.raises(EmptyCorpusError, match="no new word"):
        extend(model_of("bert", tokenizer), tokenizer, VocabularyConfig(words=("Patient",)))


@pytest.mark.parametrize(
    "settings",
    [
        {"base": "x", "vocabulary": {"words": ["Herz"]}},
        {
            "architecture": {"tokenizer": "t"},
            "vocabulary": {"words": ["Herz"]},
            "phases": [{"corpus": "c", "steps": 1}],
        },
        {"base": "x", "vocabulary": {}, "phases": [{"corpus": "c", "steps": 1}]},
    ],
)
def test_a_vocabulary_without_base_phase_or_words_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"base|phase|words"):
        ModelConfig.model_validate(settings)


def _study(vocabulary: str) -> str:
    return f"""
name: s
store: out
sources: {{a: {{reader: text, path: x, language: de}}}}
recipes: {{c: {{sources: {{a: {{}}}}}}}}
models:
  plain: {{base: org/base, phases: [{{corpus: c, steps: 1}}]}}
  wide: {{base: org/base, {vocabulary} phases: [{{corpus: c, steps: 1}}]}}
  wider: {{base: org/base, {vocabulary} phases: [{{corpus: c, steps: 2}}]}}
  child: {{base: wide, phases: [{{corpus: c, steps: 1}}]}}
"""


def test_models_with_the_same_new_words_share_their_own_tokens() -> None:
    graph = build_graph(parse_study(_study("vocabulary: {corpus: c},")))
    assert graph["vocabulary/wide"].inputs == {"base": "base-model/org-base", "corpus": "corpus/c"}
    assert graph["pretrain/wide"].inputs["base"] == graph["pretrain/wider"].inputs["base"] == "vocabulary/wide"
    tokens = {name: graph[f"pretrain/{name}"].inputs["tokens:0"] for name in ("plain", "wide", "wider", "child")}
    assert tokens["plain"] != tokens["wide"]
    assert tokens["wide"] == tokens["wider"] == tokens["child"]
    assert graph[tokens["wide"]].inputs["model"] == "vocabulary/wide"
    assert graph["pretrain/child"].inputs["base"] == "pretrain/wide"
