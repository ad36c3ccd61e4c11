"""A task's score record: metric, convention, and what enters it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gmlm.config import TaskConfig
from gmlm.evaluation.scores import document_parts, metric_of, score

SPANS = TaskConfig(kind="token_classification", reader="spans_jsonl", path="x")
LABELS = TaskConfig(kind="multi_label", reader="labels_jsonl", path="x")
ANSWERS = TaskConfig(kind="question_answering", reader="squad", path="x")


def _span(start: int, end: int, label: str) -> dict[str, object]:
    return {"start": start, "end": end, "label": label}


def test_a_span_counts_only_with_both_ends_and_label_right():
    gold = [_span(0, 4, "A"), _span(5, 9, "A"), _span(10, 12, "B"), _span(20, 22, "B")]
    predicted = [_span(0, 4, "A"), _span(5, 8, "A"), _span(10, 12, "A")]
    found = score(SPANS, [{"id": "1", "gold": gold, "predicted": predicted}])
    assert (found["true_positives"], found["false_positives"], found["false_negatives"]) == (1, 2, 3)
    assert found["by_label"]["B"]["recall"] == 0.0
    assert found["by_label"]["A"]["precision"] == pytest.approx(1 / 3)


def test_the_same_span_in_another_document_is_another_span():
    rows = [
        {"id": "1", "gold": [_span(0, 4, "A")], "predicted": []},
        {"id": "2", "gold": [], "predicted": [_span(0, 4, "A")]},
    ]
    assert score(SPANS, rows)["f1"] == 0.0
    assert score(SPANS, rows)["macro_f1"] == 0.0


def test_documents_without_gold_labels_count_unless_configured_otherwise():
    rows = [
        {"id": "1", "gold": ["a"], "predicted": ["a"]},
        {"id": "2", "gold": [], "predicted": ["a"]},
    ]
    without = LABELS.model_copy(update={"count_documents_without_labels": False})
    assert score(LABELS, rows)["precision"] == 0.5
    assert score(without, rows)["precision"] == 1.0
    assert score(without, rows)["documents"] == 1
    assert metric_of(LABELS).convention != metric_of(without).convention


def test_articles_are_named_in_the_convention():
    conventions = {
        metric_of(ANSWERS.model_copy(update={"article_stripping": choice})).convention
        for choice in ("english", "german", "none")
    }
    assert len(conventions) == 3


def test_answers_score_by_exact_match_and_word_overlap():
    rows = [
        {"id": "1", "gold": [{"text": "linke Hand", "start": 3}], "predicted": {"text": "die linke Hand", "start": 0}},
        {"id": "2", "gold": [{"text": "linke Hand", "start": 3}], "predicted": {"text": "Hand", "start": 9}},
        {"id": "3", "gold": [], "predicted": {"text": "", "start": None}},
    ]
    found = score(ANSWERS, rows)
    assert found["exact_match"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx((1 + 2 / 3 + 1) / 3)
    assert found["unanswerable"] == 1


@pytest.mark.parametrize(
    ("config", "rows"),
    [
        (SPANS, [{"id": "1", "gold": [_span(0, 1, "A")], "predicted": [_span(0, 1, "A"), _span(2, 3, "A")]}]),
        (LABELS, [{"id": "1", "gold": ["a", "b"], "predicted": ["a"]}, {"id": "2", "gold": [], "predicted": []}]),
        (ANSWERS, [{"id": "1", "gold": [{"text": "x y", "start": 0}], "predicted": {"text": "x", "start": 0}}]),
    ],
)
def test_the_parts_of_the_documents_add_up_to_the_score(config, rows):
    parts = document_parts(config, rows)
    assert sum(part[0] for part in parts) / sum(part[1] for part in parts) == pytest.approx(score(config, rows)["f1"])


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("system", "counts", "f1"), [("baseline-de", (413, 48, 370), 0.6640), ("biobert-en", None, 0.7302)]
)
def test_published_predictions_of_clef_ehealth_2019_get_their_published_score(real_data: Path, system, counts, f1):
    folder = real_data / "de_clef19_nts"
    gold = _read_codes(folder / "gold_all_407.tsv")
    predicted = _read_codes(folder / f"{system}_preds_test.txt")
    rows = [{"id": name, "gold": gold[name], "predicted": predicted.get(name, [])} for name in gold]
    found = score(LABELS, rows)
    assert found["documents"] == 407
    assert round(found["f1"], 4) == f1
    if counts is not None:
        assert tuple(found[f"{kind}_{side}"] for kind, side in _KINDS) == counts


_KINDS = (("true", "positives"), ("false", "positives"), ("false", "negatives"))


def _read_codes(path: Path) -> dict[str, list[str]]:
    rows = (line.split("\t") for line in path.read_text().splitlines() if line.strip())
    return {row[0].strip(): [code for code in row[1].split("|") if code] if len(row) > 1 else [] for row in rows}
