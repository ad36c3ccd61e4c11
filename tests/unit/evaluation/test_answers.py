"""Answers score as by the official scripts of SQuAD (English) and MLQA (German), run on the same pairs."""

from __future__ import annotations

import pytest

from gmlm.evaluation.answers import answer_exact, answer_f1, normalise

# gold, predicted, then exact match and F1 as printed by MLQA's script for `de` and by SQuAD's script.
OFFICIAL = [
    ("der linken Hand", "die linke Hand", (0, 0.5), (0, 0.333333)),
    ("„Ecce homo“", "Ecce homo", (1, 1.0), (0, 0.0)),
    ("308 Punkte", "nur 308 Punkte", (0, 0.8), (0, 0.8)),
    ("The Panthers defense", "the defense of Panthers", (0, 0.857143), (0, 0.8)),
    ("eines Diabetes mellitus", "Diabetes", (0, 0.666667), (0, 0.5)),
    ("Einstein", "ein Stein", (0, 0.0), (0, 0.0)),
    ("24,3 mg/dl", "243 mgdl", (1, 1.0), (1, 1.0)),
]


@pytest.mark.parametrize(("gold", "predicted", "german", "english"), OFFICIAL)
def test_scores_are_those_of_the_official_scripts(gold, predicted, german, english):
    for articles, (exact, f1) in (("german", german), ("english", english)):
        assert answer_exact([gold], predicted, articles) == exact
        assert answer_f1([gold], predicted, articles) == pytest.approx(f1, abs=1e-6)


def test_articles_are_kept_where_none_are_to_be_stripped():
    assert normalise("Die „Hand“ the end", "none") == ["die", "hand", "the", "end"]


def test_the_best_of_several_gold_answers_counts():
    assert answer_f1(["linke Hand", "die Hand"], "Hand", "german") == 1.0


def test_an_unanswerable_question_is_right_only_without_an_answer():
    assert (answer_exact([], "", "german"), answer_f1([], "", "german")) == (1.0, 1.0)
    assert (answer_exact([], "Hand", "german"), answer_f1([], "Hand", "german")) == (0.0, 0.0)
    assert answer_f1(["Hand"], "", "german") == 0.0
