"""One file is split by hash: whole documents, equal texts together, shares met."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from gmlm.finetuning.examples import LabelledDocument, Question
from gmlm.finetuning.splits import SPLITS, split_examples

SHARES = {"train": 0.7, "dev": 0.15, "test": 0.15}


def _documents(texts):
    return [LabelledDocument(str(number), text, ()) for number, text in enumerate(texts)]


def _ids(splits):
    return {name: {example.id for example in examples} for name, examples in splits.items()}


def test_shares_are_met_and_nothing_is_lost():
    splits = split_examples(_documents(f"Text {n}" for n in range(200)), SHARES)
    assert {name: len(examples) for name, examples in splits.items()} == {"train": 140, "dev": 30, "test": 30}
    assert set().union(*_ids(splits).values()) == {str(n) for n in range(200)}


def test_the_order_of_the_file_does_not_matter():
    documents = _documents(f"Text {n}" for n in range(40))
    shuffled = random.Random(1).sample(documents, 40)
    assert _ids(split_examples(documents, SHARES)) == _ids(split_examples(shuffled, SHARES))


@given(st.lists(st.sampled_from(["a", "b", " a", "c d", "c  d", "e", "f", "g"]), min_size=3, max_size=40))
def test_equal_texts_stay_in_one_split(texts):
    splits = split_examples(_documents(texts), SHARES)
    where = {}
    for name in SPLITS:
        for example in splits[name]:
            assert where.setdefault(" ".join(example.text.split()), name) == name


def test_questions_on_one_article_or_one_context_stay_together():
    rows = [(f"article {n // 6}", f"context {n // 2}") for n in range(60)]
    rows += [("article x", "context 0"), ("article x", "context y")]  # ties article x to article 0
    questions = [Question(str(n), article, "?", context, ()) for n, (article, context) in enumerate(rows)]
    splits = split_examples(questions, SHARES)
    contexts = [{question.context for question in splits[name]} for name in SPLITS]
    articles = [{question.document for question in splits[name]} for name in SPLITS]
    assert all(splits[name] for name in SPLITS)
    for sets in (contexts, articles):
        assert len(set().union(*sets)) == sum(len(one) for one in sets)
    (home,) = [found for found in articles if "article x" in found]
    assert "article 0" in home
