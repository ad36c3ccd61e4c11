"""One file is split by hash: whole documents, equal texts together, shares met."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from gmlm.finetuning.examples import LabelledDocument, Question
from gmlm.finetuning.splits import SPLITS, split_examples, split_report

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


def _letters(count):
    """Letters of 150 words; each third is the one before with one word changed."""
    words = random.Random(3)
    letters = []
    for number in range(count):
        if number % 3 == 2:
            changed = letters[-1].split()
            changed[30] = "geändert"
            letters.append(" ".join(changed))
        else:
            letters.append(" ".join(f"w{words.randrange(10_000)}" for _ in range(150)))
    return _documents(letters)


def _homes(splits):
    return {int(example.id): name for name, examples in splits.items() for example in examples}


def test_near_duplicates_stay_in_one_split_unless_told_otherwise():
    homes = _homes(split_examples(_letters(90), SHARES))
    assert all(homes[number] == homes[number - 1] for number in range(2, 90, 3))
    apart = _homes(split_examples(_letters(90), SHARES, "document"))
    assert any(apart[number] != apart[number - 1] for number in range(2, 90, 3))


def test_the_report_names_groups_and_finds_no_leak_in_splits_made_here():
    report = split_report(split_examples(_letters(30), SHARES), "near_duplicates")
    assert sorted(report["tied"]) == sorted([str(number - 1), str(number)] for number in range(2, 30, 3))
    assert all(ids == [] for found in report["leaks"].values() for ids in found.values())


def test_the_report_finds_every_kind_of_leak_in_splits_that_are_given():
    letters = _letters(12)
    page = [Question(name, "page", "?", text, ()) for name, text in (("q0", letters[0].text), ("q1", "etwas anderes"))]
    given_splits = {
        "train": [page[0], letters[1], letters[3]],
        "dev": [letters[4]],
        "test": [page[1], letters[2], LabelledDocument("copy", f" {letters[3].text}", ()), letters[6]],
    }
    found = split_report(given_splits, "document")["leaks"]
    assert found["test"] == {"document": ["q1"], "text": ["copy"], "near-duplicate": ["2", "copy"]}
    assert found["dev"] == {"document": [], "text": [], "near-duplicate": []}
