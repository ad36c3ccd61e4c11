"""Buckets cover a stream once, waste little, and bring every token back to its place."""

from __future__ import annotations

import pytest
import torch

from gmlm.training.stream import MIN_FILL, Bucket, Documents, by_bucket, in_one_bucket

LENGTHS = torch.tensor([50, 49, 41, 40, 39, 20, 20, 20, 3, 1])


def test_neighbours_of_similar_length_share_a_bucket() -> None:
    buckets = Documents(LENGTHS).buckets
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
    (bucket,) = Documents(torch.tensor([7, 7, 7])).buckets
    assert bucket.real is None
    stream = torch.arange(21)
    assert torch.equal(bucket.gather(stream), stream.view(3, 7))


@pytest.mark.parametrize("trailing", [(), (2,), (2, 3)])
def test_gathering_and_flattening_are_inverse(trailing: tuple[int, ...]) -> None:
    stream = torch.randn(int(LENGTHS.sum()), *trailing)
    assert torch.equal(by_bucket(lambda bucket, padded: padded, Documents(LENGTHS), stream), stream)


def test_padding_is_zero_and_documents_start_their_rows() -> None:
    stream = torch.arange(1, int(LENGTHS.sum()) + 1)
    begins = torch.cumsum(LENGTHS, 0) - LENGTHS
    bucket = in_one_bucket(LENGTHS)
    padded = bucket.gather(stream)
    assert bucket.real is not None
    assert torch.equal(padded[:, 0], begins + 1)
    assert torch.equal(padded == 0, ~bucket.real)
    assert bucket.real.sum(1).tolist() == LENGTHS.tolist()


def test_gradients_come_back_to_their_tokens() -> None:
    stream = torch.randn(int(LENGTHS.sum()), 2, requires_grad=True)
    weights = torch.randn(int(LENGTHS.sum()), 2)
    (by_bucket(lambda bucket, padded: 3 * padded, Documents(LENGTHS), stream) * weights).sum().backward()
    assert stream.grad is not None
    assert torch.allclose(stream.grad, 3 * weights)


def test_some_places_are_shared_out_among_the_same_buckets() -> None:
    documents, places = Documents(LENGTHS), torch.tensor([0, 49, 50, 181, 219, 282])
    wanted = documents.at(places)
    assert wanted.sizes == [2, 1, 0, 0, 1, 1, 0, 0, 0, 1]
    assert [bucket.shape for bucket in wanted.buckets] == [(4, 2), (1, 1), (3, 1), (1, 0), (1, 1)]

    def first_of_each_document(_: Bucket, mine: torch.Tensor, everything: torch.Tensor) -> torch.Tensor:
        return everything[:, :1].expand(mine.shape)

    found = by_bucket(first_of_each_document, documents, places, torch.arange(283), wanted=wanted)
    assert found.tolist() == [0, 0, 50, 180, 219, 282]
