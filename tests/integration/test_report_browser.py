"""The report in a real browser: it asks for nothing, its table and plots are there to be seen and can be sorted."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from lxml import html

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
PROBE = """<!DOCTYPE html><body><iframe src="report.html" style="width:{width}px;height:900px;border:0"></iframe>
<pre></pre>
<script>
onload = () => {{
  const frame = document.querySelector("iframe").contentWindow, page = frame.document;
  const table = page.querySelector("#headline"), box = table.getBoundingClientRect();
  const models = body => [...body.querySelectorAll("tr[data-model]")].map(row => row.dataset.model);
  const order = () => [...table.tBodies].map(models);
  const score = page.querySelectorAll("#headline thead button")[1], orders = [order()];
  for (const _ of [1, 2]) {{ score.click(); orders.push(order()); }}
  const texts = [...page.querySelectorAll("figure svg text")].map(text => text.getBoundingClientRect().height);
  document.querySelector("pre").textContent = JSON.stringify({{
    requests: frame.performance.getEntriesByType("resource").map(entry => entry.name),
    visible: frame.getComputedStyle(table).visibility === "visible" && box.width > 0 && box.height > 0,
    tableWidth: box.width, pageWidth: page.documentElement.scrollWidth, viewWidth: frame.innerWidth,
    orders, sorted: page.querySelectorAll("#headline thead th")[1].getAttribute("aria-sort"),
    unsortable: page.querySelectorAll("#lineage button").length,
    plots: [...page.querySelectorAll("figure svg")].map(plot => plot.getBoundingClientRect().height),
    rows: table.querySelectorAll("tr[data-model]").length, smallestText: Math.min(...texts),
  }});
}};
</script>"""

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not CHROMIUM.exists(), reason=f"{CHROMIUM} is not there: the report was opened in no browser (apt: chromium)"
    ),
]


def sample_report(folder: Path) -> str:
    """The report of the unit tests' sample study."""
    path = Path(__file__).parents[1] / "unit" / "report" / "conftest.py"
    spec = importlib.util.spec_from_file_location("report_sample", path)
    assert spec is not None
    assert spec.loader is not None
    sample = sys.modules["report_sample"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sample)
    study = sample.complete(sample.SampleStudy(folder))
    return study.read(study.report(), "report.html")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the report and pages that show it at two widths and say what they see."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "report.html").write_text(sample_report(tmp_path_factory.mktemp("study")), encoding="utf-8")
    for width in (1200, 400):
        (folder / f"probe-{width}.html").write_text(PROBE.format(width=width), encoding="utf-8")
    return folder


@pytest.fixture
def requested() -> list[str]:
    """Paths that the browser asked the server for."""
    return []


@pytest.fixture
def address(site: Path, requested: list[str]) -> Iterator[str]:
    """A server of the folder, so that requests can be counted."""

    class Handler(SimpleHTTPRequestHandler):
        def log_request(self, code: object = "-", size: object = "-") -> None:
            requested.append(self.path)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def open_page(url: str, profile: Path, *flags: str) -> str:
    """The page's document after it was loaded, as text; no host but this machine can be resolved."""
    command = [
        str(CHROMIUM),
        *FLAGS,
        f"--user-data-dir={profile}",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        *flags,
        url,
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.parametrize("width", [1200, 400])
def test_report_is_self_contained_and_its_table_visible(width, address, requested, tmp_path):
    dom = open_page(f"{address}/probe-{width}.html", tmp_path / "profile", "--dump-dom", "--virtual-time-budget=5000")
    seen = json.loads(html.fromstring(dom).xpath("string(//pre)"))
    assert seen["requests"] == []
    assert set(requested) <= {f"/probe-{width}.html", "/report.html", "/favicon.ico"}
    assert seen["visible"]
    assert seen["rows"] == 9
    assert seen["pageWidth"] <= seen["viewWidth"] == width
    assert seen["tableWidth"] <= width
    assert seen["smallestText"] >= 8
    assert len(seen["plots"]) == 3 + 3 + 3 + 1 + 1 + 5
    assert min(seen["plots"]) > 50


def test_a_click_on_a_head_sorts_the_models_of_each_task(address, tmp_path):
    url = f"{address}/probe-1200.html"
    dom = open_page(url, tmp_path / "profile", "--dump-dom", "--virtual-time-budget=5000")
    seen = json.loads(html.fromstring(dom).xpath("string(//pre)"))
    before, rising, falling = ([tuple(body) for body in order if body] for order in seen["orders"])
    assert before == [("base", "general", "continued")] * 3
    assert rising == [
        ("base", "general", "continued"),
        ("general", "base", "continued"),
        ("base", "general", "continued"),
    ]
    assert falling == [tuple(reversed(body)) for body in rising]
    assert seen["sorted"] == "descending"
    assert seen["unsortable"] == 0


def test_screenshot_is_not_blank(site, tmp_path):
    image = tmp_path / "report.png"
    open_page((site / "report.html").as_uri(), tmp_path / "profile", f"--screenshot={image}", "--window-size=1200,1600")
    assert image.stat().st_size > 30_000
