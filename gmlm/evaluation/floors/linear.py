"""Labels of documents by a linear support vector machine on character n-grams, one classifier a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC


def predict_labels(
    train: Sequence[Mapping[str, Any]], dev: Sequence[Mapping[str, Any]], test: Sequence[Mapping[str, Any]]
) -> list[list[Any]]:
    """Labels of dev and test; the one threshold on the margin is that of the highest micro F1 on dev."""
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=300_000)
    binarizer = MultiLabelBinarizer()
    gold = binarizer.fit_transform([example["labels"] for example in train])
    classifier = OneVsRestClassifier(LinearSVC(random_state=0, class_weight="balanced"))
    classifier.fit(vectorizer.fit_transform([example["text"] for example in train]), gold)
    margins = [_margins(classifier, vectorizer, split, len(binarizer.classes_)) for split in (dev, test)]
    known = set(binarizer.classes_)
    dev_gold = [[label for label in example["labels"] if label in known] for example in dev]
    threshold = _best_threshold(margins[0], binarizer.transform(dev_gold).astype(bool))
    return [[[str(label) for label in binarizer.classes_[row >= threshold]] for row in rows] for rows in margins]


def _margins(classifier: Any, vectorizer: Any, split: Sequence[Mapping[str, Any]], labels: int) -> Any:
    if not split:
        return np.empty((0, labels))
    return np.asarray(classifier.decision_function(vectorizer.transform([one["text"] for one in split]))).reshape(
        len(split), labels
    )


def _best_threshold(margins: Any, gold: Any) -> float:
    """The margin of the highest micro F1; 0, where the classifiers decide, if dev says nothing."""
    if not gold.any():
        return 0.0
    order = np.argsort(-margins, axis=None, kind="stable")
    ranked, hits = margins.ravel()[order], np.cumsum(gold.ravel()[order])
    f1 = 2 * hits / (np.arange(1, len(ranked) + 1) + gold.sum())
    f1[np.append(ranked[1:] == ranked[:-1], False)] = -1.0  # a threshold cannot part equal margins
    return float(ranked[f1.argmax()])
