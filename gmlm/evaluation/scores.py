"""Scores of the predictions of a task: each record names its metric and its convention."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gmlm.config import TaskConfig
from gmlm.evaluation.answers import answer_exact, answer_f1
from gmlm.evaluation.counts import Counts, count_sets, macro_f1, ratio, total

Prediction = Mapping[str, Any]
"""A line of a predictions file: `id`, `gold` and `predicted`."""


@dataclass(frozen=True)
class Metric:
    """How a task is scored: the metric's name and the choices that change its value."""

    name: str
    convention: str


def metric_of(config: TaskConfig) -> Metric:
    """The metric of a task."""
    if config.kind == "token_classification":
        return Metric("span F1", "micro F1 over exact spans: start, end and label must match (strict, IOB2)")
    if config.kind == "multi_label":
        choice = "counted" if config.count_documents_without_labels else "left out"
        return Metric("micro F1", f"micro F1 over labels; documents without gold labels are {choice}")
    removed = {
        "english": "English articles and ASCII punctuation removed (SQuAD's script)",
        "german": "German articles and punctuation removed (MLQA's script)",
        "none": "punctuation removed, articles kept",
    }
    return Metric("answer F1", f"mean word F1 over questions; {removed[config.article_stripping]}")


def scored_predictions(config: TaskConfig, predictions: Iterable[Prediction]) -> list[Prediction]:
    """The predictions that enter the score."""
    if config.kind == "multi_label" and not config.count_documents_without_labels:
        return [prediction for prediction in predictions if prediction["gold"]]
    return list(predictions)


def score(config: TaskConfig, predictions: Iterable[Prediction]) -> dict[str, Any]:
    """The scores of a split by name, from 0 to 1: `f1`, and `precision` and `recall`, or `exact_match`.

    Spans and labels also have the counts behind them, `macro_f1` over the labels of gold and predictions, and the
    scores `by_label`.
    """
    counted = scored_predictions(config, predictions)
    if config.kind == "question_answering":
        return _answer_scores(config.article_stripping, counted)
    by_label = _counts_by_label(counted, config)
    micro = total(_document_counts(config, prediction) for prediction in counted)
    return {
        "documents": len(counted),
        **micro.scores(),
        "macro_f1": macro_f1(by_label.values()),
        "by_label": {label: counts.scores() for label, counts in by_label.items()},
    }


def document_parts(config: TaskConfig, predictions: Iterable[Prediction]) -> list[tuple[float, float]]:
    """Numerator and denominator that each document adds to the F1 of the whole: F1 = sum / sum.

    Spans and labels: twice the true positives, and the sizes of gold and predictions. Answers: F1, and 1.
    """
    counted = scored_predictions(config, predictions)
    if config.kind == "question_answering":
        return [(_answer_f1(prediction, config.article_stripping), 1.0) for prediction in counted]
    rows = (_document_counts(config, prediction) for prediction in counted)
    return [(2.0 * row.true_positives, float(row.f1_denominator)) for row in rows]


def _document_counts(config: TaskConfig, prediction: Prediction) -> Counts:
    return count_sets(_things(config, prediction["gold"]), _things(config, prediction["predicted"]))


def _things(config: TaskConfig, side: Sequence[Any]) -> list[Any]:
    """Spans or labels as hashable things, the label last or alone."""
    if config.kind == "multi_label":
        return list(side)
    return [(span["start"], span["end"], span["label"]) for span in side]


def _counts_by_label(predictions: Iterable[Prediction], config: TaskConfig) -> dict[str, Counts]:
    gold: dict[str, set[Any]] = {}
    found: dict[str, set[Any]] = {}
    for index, prediction in enumerate(predictions):
        for side, things in ((gold, prediction["gold"]), (found, prediction["predicted"])):
            for thing in _things(config, things):
                label = thing if config.kind == "multi_label" else thing[2]
                side.setdefault(label, set()).add((index, thing))
    return {label: count_sets(gold.get(label, ()), found.get(label, ())) for label in sorted({*gold, *found})}


def _answer_scores(articles: str, predictions: Sequence[Prediction]) -> dict[str, Any]:
    exact = [answer_exact(_gold_texts(one), one["predicted"]["text"], articles) for one in predictions]
    f1 = [_answer_f1(one, articles) for one in predictions]
    return {
        "documents": len(predictions),
        "f1": ratio(sum(f1), len(f1)),
        "exact_match": ratio(sum(exact), len(exact)),
        "unanswerable": sum(not one["gold"] for one in predictions),
    }


def _answer_f1(prediction: Prediction, articles: str) -> float:
    return answer_f1(_gold_texts(prediction), prediction["predicted"]["text"], articles)


def _gold_texts(prediction: Prediction) -> list[str]:
    return [answer["text"] for answer in prediction["gold"]]
