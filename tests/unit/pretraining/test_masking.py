"""Masking follows BERT's shares and depends on nothing but seed, step and place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from transformers import PreTrainedTokenizerFast

from gmlm.errors import ModelMismatchError
from gmlm.pretraining.masking import Masked, Vocabulary, mask_tokens, uniform, vocabulary_of

SHAPE = (200, 100)
PLACES = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE)


def text(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(5, 100, SHAPE)


def mask(vocabulary: Vocabulary, ids: np.ndarray, **changes: Any) -> Masked:
    plain = {"rate": 0.15, "masking": "token", "seed": 3, "step": 4}
    return mask_tokens(ids, np.ones(ids.shape, bool), PLACES[: len(ids)], vocabulary, **{**plain, **changes})


@pytest.mark.parametrize("masking", ["token", "whole_word"])
@pytest.mark.parametrize("rate", [0.15, 0.4])
def test_the_share_of_chosen_tokens_is_the_mask_rate(vocabulary: Vocabulary, masking: str, rate: float) -> None:
    assert mask(vocabulary, text(), rate=rate, masking=masking).chosen.mean() == pytest.approx(rate, abs=0.012)


def test_of_chosen_tokens_80_percent_are_masked_10_random_10_kept(vocabulary: Vocabulary) -> None:
    ids = text()
    masked = mask(vocabulary, ids)
    before, after = ids[masked.chosen], masked.input_ids[masked.chosen]
    assert (after == vocabulary.mask).mean() == pytest.approx(0.8, abs=0.02)
    kept = (after == before).mean()
    assert kept == pytest.approx(0.1 + 0.1 / 95, abs=0.015)
    random = after[(after != vocabulary.mask) & (after != before)]
    assert set(random.tolist()) <= set(range(5, 100))
    assert len(set(random.tolist())) > 80


def test_tokens_that_are_not_chosen_stay(vocabulary: Vocabulary) -> None:
    ids = text()
    masked = mask(vocabulary, ids)
    assert np.array_equal(masked.input_ids[~masked.chosen], ids[~masked.chosen])


def test_places_that_are_not_maskable_are_never_chosen(vocabulary: Vocabulary) -> None:
    maskable = np.zeros(SHAPE, bool)
    maskable[:, ::2] = True
    maskable[7] = False
    masked = mask_tokens(text(), maskable, PLACES, vocabulary, rate=0.9, masking="token", seed=1, step=1)
    assert not masked.chosen[~maskable].any()


def test_every_row_has_something_to_predict(vocabulary: Vocabulary) -> None:
    assert mask(vocabulary, text(), rate=0.001).chosen.any(axis=1).all()


def test_whole_word_masking_takes_all_pieces_of_a_word_or_none(vocabulary: Vocabulary) -> None:
    ids = text()
    chosen = mask(vocabulary, ids, masking="whole_word").chosen
    continues = vocabulary.continues_word[ids]
    assert np.array_equal(chosen[:, 1:][continues[:, 1:]], chosen[:, :-1][continues[:, 1:]])
    one_by_one = mask(vocabulary, ids).chosen
    assert not np.array_equal(one_by_one[:, 1:][continues[:, 1:]], one_by_one[:, :-1][continues[:, 1:]])


def test_a_word_does_not_reach_over_a_special_token(vocabulary: Vocabulary) -> None:
    ids = np.tile([10, 70, 3, 70, 70], (200, 1))  # w5 ##c5 [SEP] ##c5 ##c5
    maskable = np.tile([True, True, False, True, True], (200, 1))
    chosen = mask_tokens(
        ids, maskable, PLACES[:, :5], vocabulary, rate=0.5, masking="whole_word", seed=1, step=1
    ).chosen
    assert (chosen[:, 0] == chosen[:, 1]).all()
    assert (chosen[:, 3] == chosen[:, 4]).all()
    assert (chosen[:, 1] != chosen[:, 3]).any()


def test_masking_is_a_pure_function_of_seed_step_and_place(vocabulary: Vocabulary) -> None:
    ids = text()
    first = mask(vocabulary, ids)
    assert np.array_equal(first.input_ids, mask(vocabulary, ids).input_ids)
    assert not np.array_equal(first.chosen, mask(vocabulary, ids, step=5).chosen)
    assert not np.array_equal(first.chosen, mask(vocabulary, ids, seed=4).chosen)
    # A part of the batch, as another rank or micro-batch sees it, is masked alike.
    assert np.array_equal(first.input_ids[:50], mask(vocabulary, ids[:50]).input_ids)


def test_the_hash_is_uniform_and_its_draws_are_independent() -> None:
    a, b = (uniform(1, 2, draw, np.arange(20_000)) for draw in (0, 1))
    assert stats.kstest(a, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.02
    assert abs(np.corrcoef(a[1:], a[:-1])[0, 1]) < 0.02


def test_a_tokenizer_without_mask_token_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    bare = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, pad_token="[PAD]")
    with pytest.raises(ModelMismatchError, match="cls, sep, mask"):
        vocabulary_of(bare, "models.x")


def spans_of(chosen: np.ndarray) -> list[int]:
    """Lengths of runs of chosen places in rows."""
    edges = np.diff(np.pad(chosen.astype(int), ((0, 0), (1, 1))), axis=1)
    return list((np.argwhere(edges == -1) - np.argwhere(edges == 1))[:, 1])


def test_beginning_and_end_of_text_stand_in_for_cls_and_sep(tokenizer: PreTrainedTokenizerFast) -> None:
    """As in EuroBERT's tokenizer."""
    tokenizer.bos_token, tokenizer.eos_token = tokenizer.cls_token, tokenizer.sep_token
    tokenizer.cls_token = tokenizer.sep_token = None
    found = vocabulary_of(tokenizer, "eurobert")
    assert (found.cls, found.sep) == (2, 3)
    assert found.special[[2, 3]].all()


def test_spans_have_the_mask_rate_exactly_and_spanberts_lengths(vocabulary: Vocabulary) -> None:
    ids = np.full(SHAPE, 7)
    wide = mask(replace(vocabulary, continues_word=np.zeros(vocabulary.size, bool)), ids, rate=0.05, masking="span")
    assert set(wide.chosen.sum(axis=1)) == {5}
    wider = np.full((400, 100), 7)
    places = np.arange(wider.size).reshape(wider.shape)
    words = replace(vocabulary, continues_word=np.zeros(vocabulary.size, bool))
    chosen = mask_tokens(
        wider, np.ones(wider.shape, bool), places, words, rate=0.1, masking="span", seed=1, step=1
    ).chosen
    lengths = np.array(spans_of(chosen))
    # A geometric distribution that is cut at ten has mean 3.8 (SpanBERT); budgets of ten tokens cut the last spans.
    assert 2.3 < lengths.mean() < 4.0
    assert (lengths > 1).mean() > 0.6


def test_spans_are_of_whole_words_but_the_last_and_end_at_special_tokens(vocabulary: Vocabulary) -> None:
    ids = text()
    maskable = np.ones(SHAPE, bool)
    maskable[:, ::9] = False
    chosen = mask_tokens(ids, maskable, PLACES, vocabulary, rate=0.3, masking="span", seed=1, step=1).chosen
    assert not chosen[~maskable].any()
    assert max(spans_of(chosen)) <= 8
    words = mask_tokens(ids, maskable, PLACES, vocabulary, rate=1.0, masking="span", seed=1, step=1).chosen
    assert np.array_equal(words, maskable)


def test_spans_depend_on_seed_step_and_place_alone(vocabulary: Vocabulary) -> None:
    ids = text()
    whole = mask(vocabulary, ids, masking="span")
    part = mask_tokens(
        ids[3:5], np.ones((2, 100), bool), PLACES[3:5], vocabulary, rate=0.15, masking="span", seed=3, step=4
    )
    assert np.array_equal(whole.chosen[3:5], part.chosen)
    assert not np.array_equal(whole.chosen, mask(vocabulary, ids, masking="span", step=5).chosen)


@pytest.mark.parametrize("masking", ["token", "whole_word", "span"])
def test_all_chosen_tokens_may_become_the_mask(vocabulary: Vocabulary, masking: str) -> None:
    ids = text()
    masked = mask(vocabulary, ids, masking=masking, replacement="mask")
    assert (masked.input_ids[masked.chosen] == vocabulary.mask).all()
    assert np.array_equal(masked.chosen, mask(vocabulary, ids, masking=masking).chosen)
