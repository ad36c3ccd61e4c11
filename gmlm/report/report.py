"""The report stage: everything that the study found, for readers, programs, papers and the Hub."""

from __future__ import annotations

from gmlm.config import ReportConfig
from gmlm.manifest import Manifest
from gmlm.report.card import model_card
from gmlm.report.content import collect
from gmlm.report.plots import draw
from gmlm.report.render import render_html, render_json, render_latex, render_markdown
from gmlm.report.usage_pages import write_usage_pages
from gmlm.stage import StageRun


def build_report(config: ReportConfig, run: StageRun) -> Manifest:
    """Write `report.md`, `report.html`, `report.json`, `table.tex` and `cards/MODEL.md` from the finished nodes.

    Nodes that failed are absent from `run.inputs`; what they would have shown is marked as missing. Of texts only
    counts and distributions enter the report, but for wrong predictions on tasks that the study declares public. The
    counters count nodes. Beside the outputs, `usage/STUDY.*` in the store get what the nodes have used.
    """
    content = collect(config.study, run.store, run.inputs, config.settings, config.ablations)
    files = [
        run.write("report.md", render_markdown(content).encode()),
        run.write("report.html", render_html(content, draw(content)).encode()),
        run.write("report.json", render_json(content).encode()),
    ]
    if content.headline is not None:
        files.append(run.write("table.tex", render_latex(content.headline, content.study).encode()))
    files += [run.write(f"cards/{made.model}.md", model_card(content, made).encode()) for made in content.pretraining]
    write_usage_pages(config, run.store, run.inputs)
    nodes = len(run.inputs)
    return run.publish("report", config, files, counters={"in": nodes, "out": nodes, "rejected": 0})
