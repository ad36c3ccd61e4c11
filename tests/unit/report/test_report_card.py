"""Model cards: what the Hub reads, and what a reader must know."""

from __future__ import annotations

import pytest
from huggingface_hub import ModelCard


@pytest.fixture(scope="module")
def card(pages):
    return ModelCard(pages["cards/continued.md"])


def test_the_hub_reads_the_scores_of_every_task(card):
    data = card.data
    assert (data.language, data.pipeline_tag, data.model_name) == ("de", "fill-mask", "continued")
    scores = {result.dataset_name: (result.metric_name, result.metric_value) for result in data.eval_results}
    assert scores == {"findings": ("micro F1", 78.75), "codes": ("micro F1", 68.55), "questions": ("F1", 59.17)}


def test_a_reader_finds_training_evaluation_privacy_limits_and_origin(card):
    headings = [line[3:] for line in card.text.splitlines() if line.startswith("## ")]
    assert headings == ["Training", "Evaluation", "Privacy", "Limits", "Origin"]
    assert "continued gives away documents and canaries of its training text. Compared with base" in card.text
    assert "AUC 0.713 [0.673, 0.753], 3.1 % recognised at 1 % false alarms (900 members, 110 others)" in card.text
    assert "+7.4 to base | 0.002" in card.text
    assert "| clinical | 300 |" in card.text


def test_a_model_that_was_not_audited_says_so(pages):
    assert "was not audited" in pages["cards/base.md"]


def test_a_study_without_evaluation_has_cards_without_scores(study):
    del study.nodes["evaluate/sample"]
    report = study.report("early")
    card = ModelCard(study.read(report, "cards/base.md"))
    assert card.data.eval_results is None
    assert "## Evaluation" not in card.text


def test_scores_of_several_pretrainings_are_not_taken_for_those_of_the_weights(study, pages):
    assert "pre-trainings" not in pages["cards/continued.md"]
    assert "was pre-trained once" in pages["report.md"]
    study.nodes.pop("evaluate/sample")
    settings = study.evaluation | {"pretraining_per_seed": True}
    study.add_json("evaluate/each", "scores", "scores.json", study.scores, **settings)
    report = study.report("each")
    assert "means over 3 pre-trainings from other seeds" in study.read(report, "cards/continued.md")
    for page in ("report.md", "report.html"):
        assert "Each seed has pre-trainings of its own" in study.read(report, page)
