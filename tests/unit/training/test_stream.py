"""Buckets cover a stream once, waste little, and bring every token back to its place."""

from __future__ import annotations

import pytest
import torch

from gmlm.training.stream import MIN_FILL, buckets_of, by_bucket

LENGTHS = torch.tensor([50, 49, 41, 40, 39, 20, 20, 20, 3, 1])


def test_neighbours_of_similar_length_share_a_bucket() -> None:
    buckets = buckets_of(LENGTHS)
    assert [bucket.shape for bucket in buckets] == [(4, 50), (1, 39), (3, 20), (1, 3), (1, 1)]
    assert [(bucket.first, bucket.stop) for bucket in buckets] == [
        (0, 180),
        (180, 219),
        (219, 279),
        (279, 282),
        (282, 283),
    ]
    for bucket in buckets:
        documents, width = bucket.shape
        assert bucket.stop - bucket.first >= MIN_FILL * documents * width


def test_equal_lengths_need_no_padding() -> None:
    (bucket,) = buckets_of(torch.tensor([7, 7, 7]))
    assert bucket.real is None
    stream = torch.arange(21)
    assert torch.equal(bucket.gather(stream), stream.view(3, 7))


@pytest.mark.parametrize("trailing", [(), (2,), (2, 3)])
def test_gathering_and_flattening_are_inverse(trailing: tuple[int, ...]) -> None:
    stream = torch.randn(int(LENGTHS.sum()), *trailing)
    assert torch.equal(by_bucket(lambda bucket, padded: padded, buckets_of(LENGTHS), stream), stream)


def test_padding_is_zero_and_documents_start_their_rows() -> None:
    stream = torch.arange(1, int(LENGTHS.sum()) + 1)
    begins = torch.cumsum(LENGTHS, 0) - LENGTHS
    (bucket,) = buckets_of(LENGTHS, min_fill=0)
    padded = bucket.gather(stream)
    assert bucket.real is not None
    assert torch.equal(padded[:, 0], begins + 1)
    assert torch.equal(padded == 0, ~bucket.real)
    assert bucket.real.sum(1).tolist() == LENGTHS.tolist()


def test_gradients_come_back_to_their_tokens() -> None:
    stream = torch.randn(int(LENGTHS.sum()), 2, requires_grad=True)
    weights = torch.randn(int(LENGTHS.sum()), 2)
    (by_bucket(lambda bucket, padded: 3 * padded, buckets_of(LENGTHS), stream) * weights).sum().backward()
    assert stream.grad is not None
    assert torch.allclose(stream.grad, 3 * weights)
