"""The stage: three formats that show the figures given, all of them and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from lxml import etree, html

from gmlm.errors import StorageError
from gmlm.report.provenance import STAGE_ORDER
from gmlm.study.registry import STAGES
from tests.unit.report.pages import headline_rows, markdown_rows, page_of, text_of

SECRET = "Geheimnis"
FORMATS = ("report.md", "report.html", "report.json")
"""The files of a report; the fixture `pages` holds their texts."""
HOSTILE = "<script>alert(1)</script>|`x` [a](javascript:b) $\\frac$ & \"'\n# h"


def test_html_shows_each_score_and_comparison(study, pages):
    rows = headline_rows(html.fromstring(pages["report.html"]))
    assert rows["findings", "base"] == ["base", "71.3 [69.2, 73.2]", "baseline"]
    assert rows["findings", "general"] == ["general", "72.9 [70.8, 74.8]", "+1.6 [−0.2, +3.3]", "0.030", "0.090"]
    assert rows["codes", "continued"] == ["continued", "68.5 [66.5, 70.5]", "+4.4 [+2.6, +6.1]", "0.002", "0.010 ✓"]
    assert len(rows) == 9


def test_markdown_shows_the_same_as_html(pages):
    table = markdown_rows(pages["report.md"], "task | model")
    rows = headline_rows(html.fromstring(pages["report.html"]))
    for task, model, score, interval, *_, p, p_holm in table:
        if task == "mean of the tasks":
            continue
        shown = rows[task, model]
        assert shown[1] == f"{score} {interval}"
        if len(shown) == 5:
            assert shown[3:] == [p.replace("&lt;", "<"), p_holm.replace("*", "")]


def test_json_holds_the_scores_unrounded(study, pages):
    tasks = {task["task"]: task for task in json.loads(pages["report.json"])["headline"]["tasks"]}
    for name, given in study.scores["tasks"].items():
        assert (tasks[name]["metric"], tasks[name]["test_documents"]) == (given["metric"], given["test_documents"])
        for row in tasks[name]["scores"]:
            model = given["models"][row["model"]]
            assert {key: row[key] for key in ("mean", "std", "low", "high", "seeds")} == {
                key: model[key] for key in ("mean", "std", "low", "high", "seeds")
            }
            if row["comparison"]:
                comparison = given["comparisons"][row["model"]]
                shown = ("baseline", "difference", "low", "high", "p")
                assert {key: row["comparison"][key] for key in shown} == {key: comparison[key] for key in shown}


def test_correction_is_named_in_every_page(pages):
    assert "Holm’s correction over all 6 comparisons" in pages["report.html"]
    assert "Holm's correction over all 6 comparisons" in pages["report.md"]


def test_conventions_and_signatures_are_named(pages):
    for page in (pages["report.html"], pages["report.md"].replace("\\", "")):
        assert "strict IOB2, entity level (seqeval)" in page
        assert "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.5.1" in page
        assert "10,000 resamples" in page


def test_equal_inputs_give_equal_bytes(study, pages):
    again = study.report()
    assert {entry.path: study.read(again, entry.path) for entry in again.files} == pages
    assert set(pages) == {*FORMATS, "table.tex", *(f"cards/{model}.md" for model in ("base", "general", "continued"))}


def test_no_text_of_a_document_in_any_page(pages):
    for page in pages.values():
        assert SECRET not in page


def test_no_path_of_this_machine_in_any_page(study, pages):
    for page in pages.values():
        assert str(study.folder) not in page


def test_html_needs_nothing_from_elsewhere(pages):
    page = html.fromstring(pages["report.html"])
    assert not page.xpath("//link | //img | //iframe | //object | //@onclick | //@onload")
    assert not page.xpath("//@src")
    assert {href[0] for href in page.xpath("//@href")} == {"#"}
    assert "@import" not in pages["report.html"]
    (script,) = page.xpath("//script/text()")
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.search(r"url\((?!#)", pages["report.html"])


def test_every_plot_is_well_formed_and_described(pages):
    page = html.fromstring(pages["report.html"])
    figures = page.xpath("//figure")
    assert len(figures) == 3 + 3 + 3 + 1 + 1 + 5
    for figure in figures:
        assert figure.get("role") == "img"
        assert figure.get("aria-label").endswith(".")
    for svg in re.findall(r"<svg.*?</svg>", pages["report.html"], flags=re.DOTALL):
        etree.fromstring(svg)


def test_ids_are_unique_and_references_resolve(pages):
    page = html.fromstring(pages["report.html"])
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    references = re.findall(r"(?:href=\"|url\()#([^\")]+)", pages["report.html"])
    assert set(references) <= set(ids)


def test_plots_carry_no_colour_of_their_own(pages):
    svgs = "".join(re.findall(r"<svg.*?</svg>", pages["report.html"], flags=re.DOTALL))
    assert set(re.findall(r"#[0-9a-f]{6}\b", svgs)) == set()
    assert "var(--first)" in svgs


def test_missing_cells_are_shown(study):
    task = study.scores["tasks"]["codes"]
    del task["models"]["continued"], task["comparisons"]["continued"]
    del task["models"]["base"]["seeds"]["3"]
    study.add_json("evaluate/other", "scores", "scores.json", study.scores, **study.evaluation)
    del study.nodes["evaluate/sample"]
    report = study.report("missing")
    rows = headline_rows(html.fromstring(study.read(report, "report.html")))
    assert rows["codes", "continued"] == ["continued", "missing"]
    assert rows["codes", "base"][0] == "base 1 of 3 seeds missing"
    assert "| codes | base **(1 of 3 seeds missing)** | 64.2 |" in study.read(report, "report.md")
    assert "| codes | continued | **missing** |" in study.read(report, "report.md")
    assert json.loads(study.read(report, "report.json"))["headline"]["missing"][0] == "base--codes--3"


def test_significant_loss_does_not_look_like_a_gain(study):
    study.scores["tasks"]["codes"]["comparisons"]["general"] |= {"difference": -0.05, "p": 0.0001}
    study.nodes.pop("evaluate/sample")
    study.add_json("evaluate/loss", "scores", "scores.json", study.scores, **study.evaluation)
    page = html.fromstring(study.read(study.report("loss"), "report.html"))
    row = "//tbody[@data-task='codes']/tr[@data-model='{}']"
    assert page.xpath(row.format("general") + "//span[@class='worse']/text()") == ["−5.0"]
    assert page.xpath(row.format("continued") + "//span[@class='better']/text()") == ["+4.4"]


def test_study_that_failed_before_evaluation_is_still_reported(study):
    del study.nodes["evaluate/sample"]
    report = study.report("early")
    assert "no finished evaluation" in study.read(report, "report.html")
    assert "no finished evaluation" in study.read(report, "report.md")
    assert "Pre-training" in study.read(report, "report.md")


def test_report_of_nothing_is_possible(new_study):
    empty = new_study("empty")
    assert "no finished evaluation" in empty.read(empty.report(), "report.md")


def test_hostile_names_stay_text(study):
    study.scores["tasks"][HOSTILE] = study.scores["tasks"].pop("codes")
    study.scores["tasks"][HOSTILE]["convention"] = HOSTILE
    study.evaluation["tasks"] = list(study.scores["tasks"])
    study.nodes.pop("evaluate/sample")
    study.add_json("evaluate/hostile", "scores", "scores.json", study.scores, **study.evaluation)
    report = study.report("hostile")
    page = html.fromstring(study.read(report, "report.html"))
    assert len(page.xpath("//script")) == 1  # the report's own
    assert HOSTILE in page.xpath("//tbody/@data-task")
    markdown = study.read(report, "report.md")
    assert "<script>" not in markdown
    assert not re.search(r"(?<!\\)[\]`$]", re.sub(r"\[[^|]*\d\]", "", markdown))
    assert "\n# h" not in markdown
    assert json.loads(study.read(report, "report.json"))["headline"]["tasks"][2]["task"] == HOSTILE


def test_records_that_got_lost_are_pointed_out(study):
    study.add_json("ingest/leaky", "scores", "x.json", {})
    leaky = study.nodes["ingest/leaky"]
    study.nodes["ingest/leaky"] = leaky.model_copy(update={"counters": {"in": 10, "out": 8, "rejected": 1}})
    assert "does not hold" in text_of(page_of(study))


def test_lineage_leads_to_the_raw_inputs(study, pages):
    nodes = {made["node"]: made for made in json.loads(pages["report.json"])["lineage"]}
    assert set(nodes) == {node for node in study.nodes if not node.startswith("report/")}
    pubmed = study.nodes["ingest/pubmed"]
    assert nodes["translate/pubmed-de"]["inputs"][0]["sha256"] == pubmed.sha256
    for raw in pubmed.raw_inputs:
        assert raw.sha256 in pages["report.html"]


def test_many_raw_inputs_are_one_hash(study):
    names = [f"{number:05}.txt" for number in range(500)]
    study.add_documents("ingest/folder", 3, raw=names)
    report = study.report("folder")
    raw = next(
        node["raw"] for node in json.loads(study.read(report, "report.json"))["lineage"] if "folder" in node["node"]
    )
    listing = "".join(sorted(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in names))
    assert raw == {
        "files": 500,
        "bytes": 500 * 12_345,
        "sha256": hashlib.sha256(listing.encode()).hexdigest(),
        "listed": [],
    }
    assert "00499.txt" not in study.read(report, "report.html")
    assert "500 files" in study.read(report, "report.md")


def test_manifest_accounts_for_every_node(study):
    report = study.report()
    assert report.kind == "report"
    assert report.counters["in"] == report.counters["out"] == len(report.inputs) == len(study.nodes)
    assert [entry.path for entry in report.files][:3] == list(FORMATS)


def test_damaged_scores_are_named(study):
    key = study.nodes["evaluate/sample"].key("scores.json")
    study.store.write(key, b"[1, 2")
    with pytest.raises(StorageError, match=r"scores\.json"):
        study.report()


def test_stage_order_knows_every_stage():
    assert set(STAGE_ORDER) == set(STAGES) - {"report"}
