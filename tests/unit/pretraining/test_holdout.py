"""Held-out figures are those of transformers' own loss, over every document once."""

from __future__ import annotations

import math
from dataclasses import replace

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


@pytest.fixture
def two_sources() -> TokenCorpus:
    """Documents of token 7 from one source, some longer than a row, and of token 50 from another."""
    lengths = np.random.default_rng(1).integers(1, 60, 50)
    source_of = np.arange(50) % 3 // 2
    ids = np.repeat(np.where(source_of == 0, 7, 50), lengths).astype(np.int32)
    return TokenCorpus(ids, np.cumsum([0, *lengths]), ("letters", "notes"), source_of)


@pytest.mark.parametrize("packed", [True, False])
def test_each_source_has_the_losses_of_its_own_documents(
    packed: bool, two_sources: TokenCorpus, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gmlm.pretraining.holdout.target_losses", lambda _, batch: batch["labels"].float())
    settings = replace(SETTINGS, packed=packed)
    figures = HoldoutEvaluation(two_sources, vocabulary, settings, every=0).evaluate(tiny_bert(), 0)
    letters, notes = figures["sources"]["letters"], figures["sources"]["notes"]
    assert (letters["loss"], notes["loss"]) == (7.0, 50.0)
    together = (7 * letters["targets"] + 50 * notes["targets"]) / (letters["targets"] + notes["targets"])
    assert figures["loss"] == pytest.approx(together)


def test_the_sources_change_nothing_about_the_whole(two_sources: TokenCorpus, vocabulary: Vocabulary) -> None:
    alone = replace(two_sources, sources=(), source_of=None)
    figures = [
        HoldoutEvaluation(corpus, vocabulary, SETTINGS, every=0).evaluate(tiny_bert(), 0)
        for corpus in (two_sources, alone)
    ]
    assert figures[0]["loss"] == pytest.approx(figures[1]["loss"], rel=1e-6)
    assert "sources" not in figures[1]


def test_bits_per_character_are_the_loss_in_bits_over_characters_per_token(
    corpus: TokenCorpus, vocabulary: Vocabulary
) -> None:
    figures = HoldoutEvaluation(corpus, vocabulary, SETTINGS, every=0, characters_per_token=4.0).evaluate(
        tiny_bert(), 0
    )
    assert figures["bits_per_character"] == pytest.approx(math.log2(figures["perplexity"]) / 4)


def test_each_source_has_bits_per_character_of_its_own(
    two_sources: TokenCorpus, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses of 7 and 50 nats, at 5 characters a token for letters; those of notes are not known."""
    monkeypatch.setattr("gmlm.pretraining.holdout.target_losses", lambda _, batch: batch["labels"].float())
    evaluation = HoldoutEvaluation(two_sources, vocabulary, SETTINGS, every=0, by_source={"letters": 5.0})
    sources = evaluation.evaluate(tiny_bert(), 0)["sources"]
    assert sources["letters"]["bits_per_character"] == pytest.approx(7 / math.log(2) / 5)
    assert "bits_per_character" not in sources["notes"]
