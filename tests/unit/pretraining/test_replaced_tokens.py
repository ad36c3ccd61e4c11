"""The losses of generator and discriminator are those of transformers, on what the generator has filled in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

from gmlm.pretraining.batches import DRAWS, BatchSettings, MaskedBatches
from gmlm.pretraining.electra import ElectraPair, new_generator
from gmlm.pretraining.masking import Vocabulary
from gmlm.pretraining.replaced_tokens import detect, replaced_token_loss, sampled, terms_of
from gmlm.training import Batch
from gmlm.training.interface import WEIGHT
from tests.unit.pretraining.conftest import corpus_of, documents
from tests.unit.pretraining.test_objective import one_stream

SETTINGS = BatchSettings(
    sequence_length=32,
    batch_tokens=256,
    micro_batch_tokens=256,
    packed=True,
    mask_rate=0.3,
    masking="token",
    seed=1,
    detects=True,
)


def pair(vocabulary: int = 100, *, share: bool = True) -> ElectraPair:
    torch.manual_seed(0)
    config = ElectraConfig(
        vocab_size=vocabulary,
        embedding_size=16,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
    )
    discriminator = ElectraForPreTraining(config)
    torch.nn.init.normal_(discriminator.electra.embeddings.word_embeddings.weight)  # so that documents differ
    return ElectraPair(discriminator, new_generator(config, 0.5, 3), share_embeddings=share).eval()


def test_both_losses_are_those_of_transformers_on_padded_rows() -> None:
    model = pair(50).requires_grad_(False)
    batch, rows = one_stream()
    batch = {**batch, DRAWS: torch.rand(len(batch["labels"]), dtype=torch.float64)}
    with torch.no_grad():
        generator, discriminator, accuracy, share = replaced_token_loss(model, batch).tolist()
        fillings = sampled(model.generator(**rows).logits[rows["labels"] != -100], batch[DRAWS])
        filled = rows["input_ids"].masked_scatter(rows["labels"] != -100, fillings)
        replaced = ((rows["labels"] != -100) & (filled != rows["labels"])).long()
        expected = model.discriminator(filled, attention_mask=rows["attention_mask"], labels=replaced)
    real = rows["attention_mask"] == 1
    assert generator == pytest.approx(float(model.generator(**rows).loss), abs=1e-5)
    assert discriminator == pytest.approx(float(expected.loss), abs=1e-5)
    assert accuracy == pytest.approx(float(((expected.logits > 0) == replaced.bool())[real].float().mean()))
    assert share == pytest.approx(float(replaced[real].float().mean()))
    assert 0 < share < 0.5


def test_a_filling_equal_to_the_original_counts_as_original() -> None:
    model = pair(50)
    batch, _ = one_stream()
    batch = {**batch, DRAWS: torch.full((len(batch["labels"]),), 0.5, dtype=torch.float64)}
    with torch.no_grad():
        model.generator.generator_lm_head.bias[:] = -1e4
        model.generator.generator_lm_head.bias[7] = 1e4
        found = detect(model, {**batch, "labels": torch.full_like(batch["labels"], 7)})
        assert found.replaced.sum() == 0
        assert detect(model, batch).replaced.sum() == (batch["labels"] != 7).sum()


def test_tokens_are_drawn_from_the_generators_distribution() -> None:
    logits = torch.tensor([0.0, 1.0, -torch.inf, 2.0])
    draws = torch.arange(20000, dtype=torch.float64) / 20000
    drawn = sampled(logits.expand(20000, 4), draws[torch.randperm(20000)])
    assert (drawn == 2).sum() == 0
    kept = [0, 1, 3]
    expected = torch.softmax(logits, 0)[kept].numpy()
    counts = torch.bincount(drawn, minlength=4)[kept].numpy()
    assert chisquare(counts, expected / expected.sum() * 20000).pvalue > 0.99, "evenly spread draws give the shares"
    assert sampled(logits[None], torch.tensor([1 - 2.0**-53], dtype=torch.float64)) == 3


def sums(model: ElectraPair, batches: list[Batch]) -> list[float]:
    """Each term's sum over the targets of some batches."""
    with torch.no_grad():
        return sum(replaced_token_loss(model, batch) * batch[WEIGHT] for batch in batches).tolist()


@pytest.mark.parametrize("changes", [{"micro_batch_tokens": 32}, {"packed": True, "world_size": 2}])
def test_micro_batches_and_ranks_change_nothing(changes: dict[str, int], vocabulary: Vocabulary) -> None:
    """The step's rows, one by one or shared by two ranks, are filled in alike."""
    corpus, model = corpus_of(documents(60)), pair()
    whole = MaskedBatches(corpus, vocabulary, SETTINGS)(3)
    shared = [
        batch
        for rank in range(int(changes.get("world_size", 1)))
        for batch in MaskedBatches(corpus, vocabulary, replace(SETTINGS, **{**changes, "rank": rank}))(3)
    ]
    assert len(shared) > len(whole) == 1
    assert sums(model, shared) == pytest.approx(sums(model, whole), rel=1e-5)


def test_packed_documents_are_detected_as_each_alone(vocabulary: Vocabulary) -> None:
    model = pair()
    (batch,) = MaskedBatches(corpus_of(documents(60)), vocabulary, SETTINGS)(0)
    with torch.no_grad():
        together = detect(model, batch).logits.split(batch["lengths"].tolist())
        sizes = batch["lengths"].tolist()
        for logits, stop, size in zip(together, np.cumsum(sizes), sizes, strict=True):
            inside = (batch["targets"] >= stop - size) & (batch["targets"] < stop)
            alone = {
                "input_ids": batch["input_ids"][stop - size : stop],
                "lengths": torch.tensor([size]),
                "targets": batch["targets"][inside] - (stop - size),
                "labels": batch["labels"][inside],
                DRAWS: batch[DRAWS][inside],
            }
            assert torch.allclose(detect(model, alone).logits, logits, atol=1e-5)


def test_shared_embeddings_are_one_set_of_weights_that_both_losses_train() -> None:
    model = pair(50)
    batch, _ = one_stream()
    batch = {**batch, DRAWS: torch.rand(len(batch["labels"]), dtype=torch.float64)}
    shared = {id(weight) for weight in model.discriminator.electra.embeddings.parameters()}
    assert shared == {id(weight) for weight in model.generator.electra.embeddings.parameters()}
    assert id(model.generator.generator_lm_head.weight) in shared
    gradients = [
        torch.autograd.grad(term, model.discriminator.electra.embeddings.word_embeddings.weight, retain_graph=True)[0]
        for term in replaced_token_loss(model, batch)[:2]
    ]
    assert all(gradient.abs().sum() > 0 for gradient in gradients)
    generator = model.generator.electra.encoder.layer[0].output.dense.weight
    (gradient,) = torch.autograd.grad(replaced_token_loss(model, batch)[1], generator)
    assert gradient.abs().sum() == 0, "sampling stops the gradient"
    assert list(terms_of(model).values()) == [1.0, 50.0, 0.0, 0.0]


def test_a_generator_of_other_sizes_keeps_its_embeddings() -> None:
    model = pair(50, share=False)
    other = ElectraForMaskedLM(ElectraConfig(vocab_size=50, embedding_size=8, hidden_size=16, num_attention_heads=2))
    before = other.electra.embeddings.word_embeddings.weight
    ElectraPair(model.discriminator, other, share_embeddings=True)
    assert other.electra.embeddings.word_embeddings.weight is before
