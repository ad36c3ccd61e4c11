"""A token-classification model as finder: a tiny one that marks certain tokens, whatever stands around them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForTokenClassification, BertTokenizerFast

from gmlm.config.corpora import DeidentificationConfig
from gmlm.corpus.deidentification.deidentify import Deidentifier
from gmlm.corpus.deidentification.identifiers import Identifier
from gmlm.corpus.deidentification.model import find_with_model
from gmlm.errors import ModelMismatchError

VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Wan", "##da", "kam", "Fieber", ".")
MARKED = ("[CLS]", "[SEP]", "Wan")
"""Tokens that the model takes for a name; what it says of special ones must not matter."""
WINDOW = 16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Embeddings in one of two directions, layers that add nothing, and a classifier that reads the direction."""
    numbers = {token: number for number, token in enumerate(VOCABULARY)}
    BertTokenizerFast(vocab=numbers, do_lower_case=False).save_pretrained(tmp_path / "model")
    config = BertConfig(
        vocab_size=len(VOCABULARY), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        max_position_embeddings=WINDOW, id2label={0: "O", 1: "B-PER"}, label2id={"O": 0, "B-PER": 1},
    )  # fmt: skip
    model = BertForTokenClassification(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "LayerNorm.weight" not in name:
                weight.zero_()
        for token, number in numbers.items():
            model.bert.embeddings.word_embeddings.weight[number, int(token in MARKED)] = 1.0
        model.classifier.weight[0, 0] = model.classifier.weight[1, 1] = 1.0
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_what_any_window_marks_is_found_as_whole_words(folder):
    words = ["Wanda", *["Fieber"] * 40, "Wanda", "kam", "."]
    text = " ".join(words)
    places = [0, text.rindex("Wanda")]
    assert sorted(set(find_with_model(text, folder))) == [Identifier(place, place + 5, "name") for place in places]


def test_texts_without_a_marked_token_stay_whole(folder):
    assert list(find_with_model("Fieber kam . " * 20, folder)) == []
    assert list(find_with_model("", folder)) == []


def test_rules_and_model_are_taken_together(folder):
    deidentifier = Deidentifier(DeidentificationConfig(model=folder.name), folder.parent, seed=1)
    text, counts = deidentifier.replaced("a", "Wanda kam am 03.04.2019.")
    assert "Wanda" not in text
    assert "03.04.2019" not in text
    assert counts == {"name": 1, "date": 1}


def test_weights_that_are_not_safetensors_are_refused(folder):
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelMismatchError, match="no token-classification model"):
        list(find_with_model("Wanda", folder))
