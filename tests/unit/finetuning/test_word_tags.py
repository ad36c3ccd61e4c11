"""With one tag a word, words are learnt and predicted whole, and spans within words are reported."""

from __future__ import annotations

import json

import pytest

from gmlm.config import FinetuneConfig
from gmlm.finetuning.examples import Span, SpanDocument
from gmlm.finetuning.objective import load_encoder
from gmlm.finetuning.token_classification import IGNORED, TokenClassification, word_starts

TEXT = "Patient erhält 5-mg-Dosis (Aspirin)."
WORDS = ["Patient", "erhält", "5", "-", "mg", "-", "Dosis", "(", "Aspirin", ")", "."]


@pytest.fixture
def objective(make_model, make_run):
    """Tags by word for a tokenizer that spells unknown words letter by letter."""
    model = make_model()
    folder = make_run("finetune").local_folder(model, "model")
    return TokenClassification(load_encoder(folder, "tiny"), FinetuneConfig(tagging="words", max_length=60), ["A"])


def document(*spans: tuple[int, int]) -> SpanDocument:
    return SpanDocument("d", TEXT, tuple(Span(start, end, "A") for start, end in spans))


def test_the_first_token_of_each_word_gets_the_only_tag(objective):
    first = TEXT.index("Dosis")
    (item,) = objective.training_items([document((first, first + 5))])
    tags = [tag for tag in item.target if tag != IGNORED]
    assert tags == [1 if word == "Dosis" else 0 for word in WORDS]
    assert len(item.target) > len(WORDS) + 2, "Dosis is several tokens"
    assert objective.unplaceable == 0


def test_a_span_within_a_word_is_the_word_and_is_counted(objective):
    (item,) = objective.training_items([document((0, 3))])
    assert next(tag for tag in item.target if tag != IGNORED) == 1
    assert objective.unplaceable == 1


def test_offsets_of_blanks_begin_no_word():
    assert word_starts("a bc", [(0, 1), (2, 2), (2, 3), (3, 4)]) == [0, 2]
    assert word_starts("", []) == []


def test_words_are_learnt_by_heart_and_predicted_whole(fit, calm_model):
    cell = fit(model=calm_model, tagging="words")
    assert cell.manifest.metrics["test_f1"] > 0.95
    text = json.loads(cell.run.store.read(cell.run.inputs["task"].key("test.jsonl")).splitlines()[0])["text"]
    for span in cell.predictions()[0]["predicted"]:
        assert text[span["start"] : span["end"]].isalpha()
        assert not text[span["end"] : span["end"] + 1].isalnum()
