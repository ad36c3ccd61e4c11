"""Held-out figures are those of transformers' own loss, over every document once."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM

from gmlm.pretraining.batches import BatchSettings
from gmlm.pretraining.holdout import HoldoutEvaluation
from gmlm.pretraining.masking import Vocabulary
from gmlm.pretraining.tokens import TokenCorpus
from gmlm.training import Batch, TrainingState

SETTINGS = BatchSettings(
    sequence_length=32,
    batch_tokens=64,
    micro_batch_tokens=64,
    packed=True,
    mask_rate=0.5,
    masking="whole_word",
    seed=9,
)


@pytest.fixture
def corpus() -> TokenCorpus:
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 60, 50)
    return TokenCorpus(generator.integers(5, 100, lengths.sum()).astype(np.int32), np.cumsum([0, *lengths]))


def tiny_bert() -> BertForMaskedLM:
    torch.manual_seed(0)
    return BertForMaskedLM(
        BertConfig(vocab_size=100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    )


def test_an_untrained_model_has_the_perplexity_of_its_vocabulary(corpus: TokenCorpus, vocabulary: Vocabulary) -> None:
    point = HoldoutEvaluation(corpus, vocabulary, SETTINGS, every=0).evaluate(tiny_bert(), step=3)
    assert point["step"] == 3
    assert point["loss"] == pytest.approx(math.log(100), abs=0.1)
    assert point["perplexity"] == pytest.approx(math.exp(point["loss"]))


def test_about_15_percent_of_the_tokens_are_predicted_whatever_the_phase_masks(
    corpus: TokenCorpus, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Batch] = []
    monkeypatch.setattr(
        "gmlm.pretraining.holdout.masked_lm_loss", lambda _, batch: (seen.append(batch), torch.zeros(()))[1]
    )
    HoldoutEvaluation(corpus, vocabulary, SETTINGS, every=0).evaluate(tiny_bert(), step=0)
    predicted = sum(len(batch["labels"]) for batch in seen)
    assert predicted / len(corpus.ids) == pytest.approx(0.15, abs=0.03)
    segments = sum(len(batch["lengths"]) for batch in seen)
    assert segments == sum(-(-int(n) // 30) for n in np.diff(corpus.offsets))  # Each segment once.


def test_dropout_is_off_and_the_model_unchanged(corpus: TokenCorpus, vocabulary: Vocabulary) -> None:
    model = tiny_bert()
    before = [parameter.clone() for parameter in model.parameters()]
    evaluation = HoldoutEvaluation(corpus, vocabulary, SETTINGS, every=0)
    assert evaluation.evaluate(model, 0) == evaluation.evaluate(model, 0)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize(("every", "expected"), [(0, [7]), (3, [3, 6, 7]), (7, [7])])
def test_evaluation_is_due_every_so_many_steps_and_at_the_end(
    every: int, expected: list[int], corpus: TokenCorpus, vocabulary: Vocabulary
) -> None:
    evaluation = HoldoutEvaluation(corpus, vocabulary, SETTINGS, every=every)
    state = TrainingState(tiny_bert(), steps=7)
    for state.step in range(1, 8):
        evaluation.after_step(state)
    assert [point["step"] for point in state.history["holdout"]] == expected
