"""The batch of a step holds whole isolated documents, and is the same however it is computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gmlm.errors import ConfigError
from gmlm.pretraining.batches import BatchSettings, MaskedBatches
from gmlm.pretraining.masking import Vocabulary
from gmlm.pretraining.tokens import TokenCorpus
from gmlm.training import Batch
from gmlm.training.interface import WEIGHT

PACKED = BatchSettings(
    sequence_length=32,
    batch_tokens=256,
    micro_batch_tokens=256,
    packed=True,
    mask_rate=0.15,
    masking="token",
    seed=1,
)
ALONE = replace(PACKED, packed=False)


@pytest.fixture
def texts() -> list[list[int]]:
    generator = np.random.default_rng(0)
    return [generator.integers(5, 100, n).tolist() for n in generator.integers(0, 50, 80)]


@pytest.fixture
def corpus(texts: list[list[int]]) -> TokenCorpus:
    flat = np.array([token for text in texts for token in text], np.int32)
    return TokenCorpus(flat, np.cumsum([0, *(len(text) for text in texts)]))


def original(batch: Batch) -> torch.Tensor:
    """The ids before masking."""
    ids = batch["input_ids"].clone()
    ids[batch["targets"]] = batch["labels"]
    return ids


def split(stream: torch.Tensor, batch: Batch) -> list[list[int]]:
    return [part.tolist() for part in stream.split(batch["lengths"].tolist())]


def segments(batch: Batch) -> list[list[int]]:
    """The tokens of each segment of a batch, special tokens included."""
    return split(original(batch), batch)


@pytest.mark.parametrize("settings", [PACKED, ALONE])
def test_an_epoch_holds_every_token_once(corpus: TokenCorpus, vocabulary: Vocabulary, settings: BatchSettings) -> None:
    batches = MaskedBatches(corpus, vocabulary, settings)
    rows = [row for batch in batches.one_pass() for row in segments(batch)]
    assert sorted(token for row in rows for token in row[1:-1]) == sorted(corpus.ids.tolist())
    assert all(row[0] == vocabulary.cls and row[-1] == vocabulary.sep for row in rows)


def test_rows_hold_pieces_of_the_documents(texts: list[list[int]], corpus: TokenCorpus, vocabulary: Vocabulary) -> None:
    joined = [" ".join(map(str, text)) + " " for text in texts]
    for batch in MaskedBatches(corpus, vocabulary, PACKED)(0):
        for segment in segments(batch):
            piece = " ".join(map(str, segment[1:-1])) + " "
            assert any(piece in text for text in joined)


def test_a_stream_has_no_padding_and_its_longest_segment_first(corpus: TokenCorpus, vocabulary: Vocabulary) -> None:
    (batch,) = MaskedBatches(corpus, vocabulary, PACKED)(0)
    lengths = batch["lengths"].tolist()
    assert lengths == sorted(lengths, reverse=True)
    assert sum(lengths) == len(batch["input_ids"]) <= 256
    assert not (batch["input_ids"] == vocabulary.pad).any()


def test_special_tokens_are_never_targets(corpus: TokenCorpus, vocabulary: Vocabulary) -> None:
    for batch in MaskedBatches(corpus, vocabulary, replace(PACKED, mask_rate=0.9))(0):
        assert not vocabulary.special[batch["labels"].numpy()].any()
        assert float(batch[WEIGHT]) == len(batch["labels"]) == len(batch["targets"])


@pytest.mark.parametrize("settings", [PACKED, ALONE])
def test_a_batch_is_a_pure_function_of_seed_and_step(
    corpus: TokenCorpus, vocabulary: Vocabulary, settings: BatchSettings
) -> None:
    forward, jump = (MaskedBatches(corpus, vocabulary, settings) for _ in range(2))
    for step in range(20):
        last = forward(step)
    for a, b in zip(last, jump(19), strict=True):
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a)
    other = MaskedBatches(corpus, vocabulary, replace(settings, seed=2))(19)
    assert not torch.equal(other[0]["input_ids"], last[0]["input_ids"])


@pytest.mark.parametrize("settings", [PACKED, ALONE])
def test_training_sees_each_epoch_whole(corpus: TokenCorpus, vocabulary: Vocabulary, settings: BatchSettings) -> None:
    settings = replace(settings, batch_tokens=32 if settings.packed else 1)  # One row a step.
    batches = MaskedBatches(corpus, vocabulary, settings)
    steps = batches.steps_of(1)
    for epoch in range(2):
        rows = [row for step in range(steps) for batch in batches(epoch * steps + step) for row in segments(batch)]
        assert sorted(token for row in rows for token in row[1:-1]) == sorted(corpus.ids.tolist())


@pytest.mark.parametrize("settings", [PACKED, ALONE])
def test_ranks_and_micro_batches_share_out_the_same_batch(
    corpus: TokenCorpus, vocabulary: Vocabulary, settings: BatchSettings
) -> None:
    def masked_rows(changed: BatchSettings) -> list[list[int]]:
        batches = MaskedBatches(corpus, vocabulary, changed)(3)
        return sorted(row for batch in batches for row in split(batch["input_ids"], batch))

    whole = masked_rows(replace(settings, world_size=2)) + masked_rows(replace(settings, world_size=2, rank=1))
    if settings.packed:
        assert sorted(whole) == masked_rows(settings)
    parts = replace(settings, micro_batch_tokens=64)
    assert masked_rows(parts) == masked_rows(settings)
    assert len(MaskedBatches(corpus, vocabulary, parts)(3)) > 1


def test_all_ranks_have_equally_many_micro_batches(corpus: TokenCorpus, vocabulary: Vocabulary) -> None:
    settings = replace(ALONE, world_size=3, micro_batch_tokens=64)
    for step in range(5):
        counts = {len(MaskedBatches(corpus, vocabulary, replace(settings, rank=rank))(step)) for rank in range(3)}
        assert len(counts) == 1


def test_rows_of_one_document_are_grouped_by_length(corpus: TokenCorpus, vocabulary: Vocabulary) -> None:
    real = padded = 0
    for batch in MaskedBatches(corpus, vocabulary, replace(ALONE, batch_tokens=2048, micro_batch_tokens=2048))(0):
        lengths = batch["lengths"]
        assert int(lengths.min()) >= 0.75 * int(lengths.max())
        real, padded = real + int(lengths.sum()), padded + len(lengths) * int(lengths.max())
    assert real / padded > 0.85


@pytest.mark.parametrize("settings", [PACKED, ALONE])
def test_tokens_seen_counts_what_the_batches_hold(
    corpus: TokenCorpus, vocabulary: Vocabulary, settings: BatchSettings
) -> None:
    batches = MaskedBatches(corpus, vocabulary, settings)
    steps = 2 * batches.steps_of(1) + 1
    counted = sum(len(batch["input_ids"]) for step in range(steps) for batch in batches(step))
    assert batches.tokens_seen(steps) == counted


def test_rows_that_workers_cannot_share_are_refused(corpus: TokenCorpus, vocabulary: Vocabulary) -> None:
    with pytest.raises(ConfigError, match="3 workers"):
        MaskedBatches(corpus, vocabulary, replace(PACKED, world_size=3))


def test_the_mask_rate_moves_from_the_first_to_the_last_step(corpus: TokenCorpus, vocabulary: Vocabulary) -> None:
    batches = MaskedBatches(corpus, vocabulary, replace(PACKED, mask_rate=0.3))
    assert {batches.mask_rate(step) for step in range(5)} == {0.3}
    batches.schedule_mask_rate(0.1, 101)
    assert [batches.mask_rate(step) for step in (0, 50, 100, 200)] == pytest.approx([0.3, 0.2, 0.1, 0.1])


def test_halved_micro_batches_hold_the_same_rows_masked_alike(corpus: TokenCorpus, vocabulary: Vocabulary) -> None:
    whole = MaskedBatches(corpus, vocabulary, PACKED)
    half = whole.halved()
    assert half is not None

    def rows(batches: MaskedBatches) -> list[tuple[list[int], list[int]]]:
        pairs = [
            zip(segments(batch), split(batch["input_ids"], batch), strict=True)
            for step in (0, 3)
            for batch in batches(step)
        ]
        return sorted(pair for part in pairs for pair in part)

    assert rows(half) == rows(whole)
    assert len(half(0)) == 2 * len(whole(0))
    quarter = half.halved()
    assert quarter is not None
    eighth = quarter.halved()
    assert eighth is not None
    assert eighth.halved() is None
