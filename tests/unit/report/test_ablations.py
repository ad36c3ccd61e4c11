"""Each ablation has a plot for each task, with the scores of the headline at its values."""

from __future__ import annotations

import json

from gmlm.config import AblationPoint, ReportConfig
from gmlm.report.report import build_report


def points(*models: str) -> tuple[AblationPoint, ...]:
    values = zip((0.15, 0.4, 0.6), models, strict=False)
    return tuple(
        AblationPoint(ablation="masks", setting="mask_rate", series="continued", value=value, model=model)
        for value, model in values
    )


def pages_with(study, *models):
    run = study.run("report/ablations", *study.nodes)
    report = build_report(ReportConfig(study="s", ablations=points(*models)), run)
    return {path: study.read(report, path) for path in ("report.json", "report.md", "report.html")}


def test_a_point_has_the_score_and_interval_of_its_model(study):
    made = json.loads(pages_with(study, "general", "continued")["report.json"])["ablations"]
    assert [one["task"] for one in made] == list(study.scores["tasks"])
    (first, second) = made[0]["lines"]["continued"]
    row = study.scores["tasks"]["findings"]["models"]["continued"]
    assert (first["value"], second["value"]) == ("0.15", "0.4")
    assert {key: second[key] for key in ("mean", "low", "high")} == {key: row[key] for key in ("mean", "low", "high")}


def test_values_are_written_out(study):
    values = (
        AblationPoint(ablation="a", setting="tokens seen", series="continued", value=value, model="continued")
        for value in (0, 1_126_400, 0.5)
    )
    run = study.run("report/values", *study.nodes)
    report = build_report(ReportConfig(study="s", ablations=tuple(values)), run)
    made = json.loads(study.read(report, "report.json"))["ablations"]
    assert [point["value"] for point in made[0]["lines"]["continued"]] == ["0", "1,126,400", "0.5"]
    assert "by tokens seen: continued" in study.read(report, "report.html")


def test_a_value_without_a_score_is_left_out(study):
    made = json.loads(pages_with(study, "continued", "never-trained")["report.json"])["ablations"]
    assert [point["value"] for point in made[0]["lines"]["continued"]] == ["0.15"]


def test_the_pages_show_a_plot_and_a_table(study):
    pages = pages_with(study, "general", "continued")
    page = pages["report.html"]
    section = page[page.index('id="ablations"') :]
    section = section[: section.index("</section>")]
    assert section.count("<svg") == 3
    assert "on findings by mask rate: continued" in section
    assert "| masks | findings | continued | mask rate | 0.4 |" in pages["report.md"]


def test_a_study_without_ablations_has_no_such_section(study):
    assert 'id="ablations"' not in pages_with(study)["report.html"]
