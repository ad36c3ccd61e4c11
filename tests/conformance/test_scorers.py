"""Our scores are those of the field's scorers, on thousands of random and adversarial predictions.

seqeval, nervaluate and scikit-learn run beside ours. The scripts of SQuAD and MLQA are no packages: what they print for
the pairs made here was written down, summed over blocks of a hundred pairs.
"""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
from nervaluate import Evaluator
from seqeval.metrics import classification_report, f1_score
from seqeval.scheme import IOB2
from sklearn.metrics import f1_score as sklearn_f1

from gmlm.config import TaskConfig
from gmlm.evaluation.answers import answer_exact, answer_f1, normalise
from gmlm.evaluation.scores import document_parts, score

SPANS = TaskConfig(kind="token_classification", reader="conll", path="x")
LABELS = TaskConfig(kind="multi_label", reader="labels_jsonl", path="x")
KINDS = ("A", "B", "C")


def _tags(generator: random.Random, length: int) -> list[str]:
    """Valid IOB2: an I- follows a tag of its own label."""
    tags, previous = [], "O"
    for _ in range(length):
        choices = ["O", "O", *(f"B-{kind}" for kind in KINDS)]
        previous = generator.choice(choices + ([f"I-{previous[2:]}"] * 4 if previous != "O" else []))
        tags.append(previous)
    return tags


def _disturbed(generator: random.Random, gold: list[str]) -> list[str]:
    """A prediction near to gold: labels exchanged, borders moved, spans lost, merged and split, nothing, everything."""
    kind = generator.choice(("same", "relabel", "shift", "lose", "merge", "random", "none", "all"))
    if kind == "random":
        return _tags(generator, len(gold))
    if kind in ("none", "all"):
        return ["O"] * len(gold) if kind == "none" else [f"B-{generator.choice(KINDS)}" for _ in gold]
    tags = list(gold)
    if kind == "relabel":
        swap = dict(zip(KINDS, generator.sample(KINDS, len(KINDS)), strict=True))
        tags = [tag if tag == "O" else tag[:2] + swap[tag[2:]] for tag in tags]
    if kind == "shift":
        tags = ["O", *tags[:-1]]
    if kind == "lose":
        tags = [tag if generator.random() < 0.7 else "O" for tag in tags]
    if kind == "merge":
        tags = [f"I-{tag[2:]}" if tag[0] == "B" and generator.random() < 0.5 else tag for tag in tags]
    return _valid(tags)


def _valid(tags: list[str]) -> list[str]:
    """An I- without a beginning becomes one."""
    fixed: list[str] = []
    for tag in tags:
        continues = tag[0] == "I" and fixed and fixed[-1] != "O" and fixed[-1][2:] == tag[2:]
        fixed.append(tag if tag[0] != "I" or continues else f"B-{tag[2:]}")
    return fixed


def _spans(tags: list[str]) -> list[dict[str, object]]:
    starts = [i for i, tag in enumerate(tags) if tag[0] == "B"]
    ends = [next((j for j in range(i + 1, len(tags)) if tags[j][0] != "I"), len(tags)) for i in starts]
    return [{"start": a, "end": b, "label": tags[a][2:]} for a, b in zip(starts, ends, strict=True)]


def _corpus(seed: int) -> tuple[list[list[str]], list[list[str]], list[dict[str, object]]]:
    """Tags of gold and prediction, and the rows of a predictions file."""
    generator = random.Random(seed)
    gold = [_tags(generator, generator.randint(1, 20)) for _ in range(40)]
    predicted = [_disturbed(generator, tags) for tags in gold]
    pairs = zip(gold, predicted, strict=True)
    return (
        gold,
        predicted,
        [{"id": str(i), "gold": _spans(g), "predicted": _spans(p)} for i, (g, p) in enumerate(pairs)],
    )


@pytest.mark.parametrize("seed", range(50))
def test_spans_score_as_in_seqeval_strict_and_default(seed):
    gold, predicted, rows = _corpus(seed)
    found = score(SPANS, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of labels without predictions
        assert found["f1"] == pytest.approx(f1_score(gold, predicted, mode="strict", scheme=IOB2))
        assert found["f1"] == pytest.approx(f1_score(gold, predicted))  # the modes differ on invalid tags only
        report = classification_report(gold, predicted, mode="strict", scheme=IOB2, output_dict=True)
    assert found["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"])
    for label, scores in found["by_label"].items():
        theirs = [report[label][name] for name in ("precision", "recall", "f1-score")]
        assert [scores[name] for name in ("precision", "recall", "f1")] == pytest.approx(theirs)


@pytest.mark.parametrize("seed", range(50))
def test_spans_score_as_in_nervaluates_strict_evaluation(seed):
    gold, predicted, rows = _corpus(seed)
    found = score(SPANS, rows)
    theirs = Evaluator(gold, predicted, tags=list(KINDS), loader="list").evaluate()["overall"]["strict"]
    assert (found["precision"], found["recall"]) == pytest.approx((theirs.precision, theirs.recall))
    assert found["true_positives"] == theirs.correct
    assert found["true_positives"] + found["false_negatives"] == theirs.possible
    assert found["true_positives"] + found["false_positives"] == theirs.actual


@pytest.mark.parametrize("seed", range(50))
def test_labels_score_as_in_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    documents, labels = generator.integers(1, 60), generator.integers(2, 12)
    gold, predicted = (generator.random((documents, labels)) < generator.choice([0.02, 0.2, 0.7]) for _ in range(2))
    rows = [
        {"id": str(i), "gold": [f"l{j}" for j in np.flatnonzero(g)], "predicted": [f"l{j}" for j in np.flatnonzero(p)]}
        for i, (g, p) in enumerate(zip(gold, predicted, strict=True))
    ]
    found = score(LABELS, rows)
    used = (gold | predicted).any(axis=0)  # labels that neither side has are not known to us
    assert found["f1"] == pytest.approx(sklearn_f1(gold, predicted, average="micro", zero_division=0))
    if used.sum() > 1:  # scikit-learn reads a single column as two classes
        macro = sklearn_f1(gold[:, used], predicted[:, used], average="macro", zero_division=0)
        assert found["macro_f1"] == pytest.approx(macro)
    kept = gold.any(axis=1)
    without = score(LABELS.model_copy(update={"count_documents_without_labels": False}), rows)
    if kept.any():
        theirs = sklearn_f1(gold[kept], predicted[kept], average="micro", zero_division=0)
        assert without["f1"] == pytest.approx(theirs)
    assert without["documents"] == kept.sum()


@pytest.mark.parametrize("seed", range(20))
def test_what_documents_add_is_the_score(seed):
    _, _, rows = _corpus(seed)
    parts = document_parts(SPANS, rows)
    total = sum(part[1] for part in parts)
    assert (sum(part[0] for part in parts) / total if total else 0.0) == pytest.approx(score(SPANS, rows)["f1"])


WORDS = (
    *(
        "die",
        "Der",
        "einer",
        "the",
        "A",
        "an",
        "linke",
        "Hand",
        "Hände",
        "5",
        "mg",
        "5,5",
        "µg",
        "Straße",
        "STRASSE",
        "ß",
    ),
    *("des", "Ödem", "o.B.", "„Ecce", "homo“", "–", "z.\u00a0B.", "Einstein", "eines", "derer", "Theke", "ana", "…"),
)


def answer_pairs() -> list[tuple[str, str]]:
    """4,000 pairs of gold and predicted answers: articles, punctuation, odd spaces; gold is never articles alone."""
    generator = random.Random(29)
    pairs: list[tuple[str, str]] = []
    while len(pairs) < 4000:
        gold = [generator.choice(WORDS) for _ in range(generator.randint(1, 5))]
        kind = generator.choice(("same", "cut", "case", "shuffle", "other", "empty"))
        predicted = {
            "same": gold,
            "cut": gold[:-1],
            "case": [word.upper() for word in gold],
            "shuffle": generator.sample(gold, len(gold)),
            "other": [generator.choice(WORDS) for _ in range(generator.randint(1, 5))],
            "empty": [],
        }[kind]
        spaces = generator.choice((" ", "  ", "\u00a0", "\t", "\n"))
        if normalise(" ".join(gold), "german") and normalise(" ".join(gold), "english"):
            pairs.append((" ".join(gold), spaces.join(predicted)))
    return pairs


# fmt: off
OFFICIAL: dict[str, list[tuple[int, float]]] = {
    "german": [
        (44, 63.8873), (35, 56.08095), (35, 59.83528), (27, 59.82814), (44, 61.08016), (37, 57.66825),
        (39, 55.96429), (42, 62.1881), (39, 60.2627), (37, 63.19596), (49, 59.93333), (42, 59.97857), (38, 60.24163),
        (34, 54.28651), (37, 56.58413), (34, 61.06032), (40, 57.56825), (47, 68.79762), (35, 60.95873),
        (39, 56.02381), (32, 55.021), (47, 59.64048), (35, 59.50556), (40, 58.44048), (47, 63.14762), (39, 61.05),
        (37, 56.17857), (41, 62.18131), (47, 70.94206), (44, 63.30238), (37, 53.84149), (43, 58.92893),
        (36, 53.63571), (44, 63.57381), (38, 56.12937), (43, 64.92734), (36, 49.87698), (39, 62.64048),
        (37, 55.05556), (42, 62.02937),
    ],
    "english": [
        (43, 64.87879), (35, 58.34084), (36, 61.12258), (23, 59.02937), (45, 61.39206), (34, 59.77063),
        (37, 58.15166), (35, 62.6127), (38, 63.29134), (37, 64.35397), (39, 62.42857), (36, 60.82222),
        (38, 60.31349), (30, 55.09683), (33, 55.99603), (33, 62.74524), (40, 60.11905), (39, 68.96111),
        (37, 62.64524), (35, 55.96508), (28, 56.37352), (39, 59.73492), (30, 60.87222), (33, 56.90483),
        (39, 63.66508), (38, 63.05), (36, 54.9381), (35, 62.85195), (39, 70.23333), (39, 63.35556), (36, 54.65952),
        (43, 59.83651), (37, 54.75714), (38, 65.25476), (36, 56.52937), (42, 65.31861), (35, 50.56349),
        (40, 65.20159), (32, 54.81429), (38, 63.04365),
    ],
}
# fmt: on
"""Exact matches and summed F1 by block, as MLQA's script (de) and SQuAD's script print them."""


@pytest.mark.parametrize("articles", ["german", "english"])
def test_answers_score_as_by_the_scripts_of_mlqa_and_squad(articles):
    pairs = answer_pairs()
    for block, (exact, f1) in enumerate(OFFICIAL[articles]):
        chosen = pairs[100 * block : 100 * block + 100]
        assert sum(answer_exact([gold], found, articles) for gold, found in chosen) == exact, block
        assert sum(answer_f1([gold], found, articles) for gold, found in chosen) == pytest.approx(f1, abs=1e-4), block
    assert len(OFFICIAL[articles]) == 40
