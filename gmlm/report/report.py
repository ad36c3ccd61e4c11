"""The report stage: everything that the study found, in three formats."""

from __future__ import annotations

from gmlm.config.study import ReportConfig
from gmlm.manifest import Manifest
from gmlm.report.content import collect
from gmlm.report.plots import draw
from gmlm.report.render import render_html, render_json, render_markdown
from gmlm.stage import StageRun


def build_report(config: ReportConfig, run: StageRun) -> Manifest:
    """Write `report.md`, `report.html` and `report.json` from the finished nodes in `run.inputs`.

    Nodes that failed are absent; what they would have shown is marked as missing. Of texts only counts and
    distributions enter the report. The counters count nodes.
    """
    content = collect(config.study, run.store, run.inputs)
    files = [
        run.write("report.md", render_markdown(content).encode()),
        run.write("report.html", render_html(content, draw(content)).encode()),
        run.write("report.json", render_json(content).encode()),
    ]
    nodes = len(run.inputs)
    return run.publish("report", config, files, counters={"in": nodes, "out": nodes, "rejected": 0})
