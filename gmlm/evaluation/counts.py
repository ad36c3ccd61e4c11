"""True positives, false positives and false negatives, and the scores that follow from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


def ratio(numerator: float, denominator: float) -> float:
    """The quotient; 0 where the denominator is 0, as in seqeval and scikit-learn."""
    return numerator / denominator if denominator else 0.0


@dataclass(frozen=True)
class Counts:
    """What was found rightly, found wrongly, and missed."""

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0

    @property
    def precision(self) -> float:
        """Share of what was found that is right."""
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of what is right that was found."""
        return ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return ratio(2 * self.true_positives, self.f1_denominator)

    @property
    def f1_denominator(self) -> int:
        """What twice the true positives are divided by for F1."""
        return 2 * self.true_positives + self.false_positives + self.false_negatives

    def scores(self) -> dict[str, float]:
        """Precision, recall, F1 and the counts, by name."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "true_positives": self.true_positives,
            "false_positives": self.false_positives,
            "false_negatives": self.false_negatives,
        }


def count_sets(gold: Iterable[object], predicted: Iterable[object]) -> Counts:
    """Compare two sets of hashable things."""
    right, found = set(gold), set(predicted)
    return Counts(len(right & found), len(found - right), len(right - found))


def total(counts: Iterable[Counts]) -> Counts:
    """The sum, for micro averages."""
    rows = list(counts)
    return Counts(
        sum(row.true_positives for row in rows),
        sum(row.false_positives for row in rows),
        sum(row.false_negatives for row in rows),
    )


def macro_f1(by_label: Iterable[Counts]) -> float:
    """Mean F1 over the labels."""
    values = [counts.f1 for counts in by_label]
    return ratio(sum(values), len(values))
