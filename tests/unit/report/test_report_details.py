"""What stands behind the headline: further tests, labels, confusions, audits, errors, published scores."""

from __future__ import annotations

import json
import re

import pytest
from lxml import html

from gmlm.config import ReportConfig, ReportSettings, TaskConfig
from gmlm.report.details import read_details
from gmlm.report.report import build_report


def text_of(element):
    return re.sub(r"\s+", " ", "".join(element.itertext())).strip()


def rows_of(page, section):
    """Cells of all tables of a section."""
    return [[text_of(cell) for cell in row] for row in page.xpath(f"//section[@id='{section}']//tbody/tr")]


@pytest.fixture(scope="module")
def page(pages):
    return html.fromstring(pages["report.html"])


def test_other_tests_and_smallest_differences_stand_beside_the_bootstrap(page, pages):
    row = ["findings", "continued", "<0.001", "<0.001", "5.1", "9.0", "4.1", "3.2", "2.2"]
    assert row in rows_of(page, "tests")
    assert f"| {' | '.join(row).replace('<0', '&lt;0')} | – |" in pages["report.md"]
    assert json.loads(pages["report.json"])["details"]["tests"][1]["here"] == 0.0514


def test_scores_by_label_and_confusions_are_shown_where_a_task_has_them(page, pages):
    rows = rows_of(page, "labels")
    assert rows[:2] == [["DRUG", "1,204", "80.0", "81.0", "82.0"], ["LAB", "96", "60.0", "61.0", "62.0"]]
    assert rows[2:] == [["DRUG", "1,111", "17", "5"], ["LAB", "·", "·", "·"], ["none", "·", "4", "·"]]
    assert "| DRUG | 1,204 | 80.0 | 81.0 | 82.0 |" in pages["report.md"]


def test_scores_of_an_older_evaluation_have_no_details():
    old = {"tasks": {"t": {"models": {"a": {"mean": 0.5}}, "comparisons": {"a": {"p": 0.5}}}}}
    details = read_details(old)
    assert (details.tests, details.tasks) == ((), ())


def test_audits_say_what_they_found(page, pages):
    findings = [text_of(item) for item in page.xpath("//section[@id='audit']//li")]
    assert findings == [
        "continued gives away documents and canaries of its training text.",
        "general: no training text was recognised by this audit.",
    ]
    rows = rows_of(page, "audit")
    recognised = "3.1 % [0.4 %, 8.7 %]"
    assert rows[0] == [
        "continued",
        "base",
        "documents of clinical",
        "900",
        "110",
        "0.713 [0.673, 0.753]",
        recognised,
        "<0.001",
        "–",
    ]
    assert rows[1][2:6] == ["canaries, 4 times", "900", "110", "0.813 [0.773, 0.853]"]
    assert ["continued", "training", "41", "7", "0"] in rows
    red = page.xpath("//section[@id='audit']//span[@class='worse']/text()")
    assert red == ["0.713", "0.813"]
    assert "- continued gives away documents and canaries of its training text." in pages["report.md"]


def test_training_losses_are_means_over_the_seeds(pages):
    (learning,) = json.loads(pages["report.json"])["learning"]
    assert learning["task"] == "findings"
    assert learning["curves"]["base"][0] == {"step": 10, "loss": pytest.approx(0.315)}


def test_a_latex_table_holds_the_headline(study, pages):
    table = pages["table.tex"]
    assert r"findings & base & $71.3$ {\scriptsize $[69.2, 73.2]$} &  &  \\" in table
    assert r" & continued & $78.8$ {\scriptsize $[76.6, 80.7]$} & $+7.4^{*}$" in table
    assert r"{\scriptsize $[+5.6, +9.1]$} & 0.002 \\" in table
    body = table.split("\\midrule")[1]
    assert body.count("&") == 3 * 4
    assert table.count("{") == table.count("}")


def test_names_with_special_characters_are_escaped_in_latex(study):
    study.scores["tasks"]["a_b & 50%$"] = study.scores["tasks"].pop("codes")
    study.evaluation["tasks"] = list(study.scores["tasks"])
    study.nodes.pop("evaluate/sample")
    study.add_json("evaluate/latex", "scores", "scores.json", study.scores, **study.evaluation)
    assert r"a\_b \& 50\%\$ & base" in study.read(study.report("latex"), "table.tex")


def _report(study, **settings):
    run = study.run("report/settings", *study.nodes)
    return build_report(ReportConfig(study="settings", settings=ReportSettings(**settings)), run)


def test_published_scores_stand_beside_a_task_that_is_the_same(study):
    report = _report(study, published={"findings": "bronco150"})
    rows = rows_of(html.fromstring(study.read(report, "report.html")), "published")
    assert ["findings", "bronco150", "GBERT-base", "83.3"] in [row[:4] for row in rows]
    assert len(rows) == 4
    assert "arXiv 2404.05694" in study.read(report, "report.md")


TEXT = "Die Patientin nimmt Ibuprofen wegen Kopfschmerz."


@pytest.fixture
def with_errors(study):
    """The study with a task whose first test document was predicted wrongly."""
    task = TaskConfig(kind="token_classification", reader="spans_jsonl", path="x")
    gold = [{"start": 20, "end": 29, "label": "DRUG"}]
    found = [{"start": 36, "end": 47, "label": "LAB"}]
    run = study.run("task/letters")
    documents = [{"id": "d0", "text": TEXT, "spans": gold}, {"id": "d1", "text": "Frei.", "spans": []}]
    lines = "".join(json.dumps(row) + "\n" for row in documents).encode()
    study.nodes["task/letters"] = run.publish("task", task, [run.write("test.jsonl", lines)])
    run = study.run("finetune/base--letters--1")
    rows = [{"id": "d0", "gold": gold, "predicted": found}, {"id": "d1", "gold": [], "predicted": []}]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    file = run.write("predictions.test.jsonl", lines)
    study.nodes["finetune/base--letters--1"] = run.publish("predictions", task, [file])
    return study


def test_texts_are_shown_of_public_tasks_only(with_errors):
    report = _report(with_errors)
    for entry in report.files:
        assert "Ibuprofen" not in with_errors.read(report, entry.path)


def test_wrong_predictions_of_public_tasks_are_shown_with_their_text(with_errors):
    report = _report(with_errors, public_tasks=("letters",))
    rows = rows_of(html.fromstring(with_errors.read(report, "report.html")), "samples")
    assert rows == [["letters", "base", TEXT, "Ibuprofen [DRUG]", "Kopfschmerz [LAB]"]]
    assert "Kopfschmerz" in with_errors.read(report, "report.md")
