"""Writes docs/reliability.md from tests/faults/promises.yaml and what the tests named there recorded.

`reliability.py tests` prints the tests to run; `reliability.py page FILE...` prints the page from their JUnit files and
writes the plots of rows that have one beside it. A row whose test did not run keeps the plot that is there.
"""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
HEAD = """# Nothing lost, nothing leaked

What breaks, what is promised then, and the test that breaks it. `make faults` runs the tests and writes this page;
`make fuzz` gives each reader ten thousand damaged inputs and as many that atheris finds. [Security](security.md) says
what all this protects against, and what not. A test that was skipped or not run here says so: nothing is claimed then.
"""


@dataclass(frozen=True)
class Result:
    """How one test ended, and the figure that it recorded."""

    outcome: str
    figure: str | None
    plot: str | None = None


def promises() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The rows by section."""
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = yaml.safe_load(
        (ROOT / "tests/faults/promises.yaml").read_text(encoding="utf-8")
    )
    return rows


def tests() -> list[str]:
    """All tests that rows name, each once."""
    named = [test for rows in promises().values() for row in rows for test in row["tests"]]
    return list(dict.fromkeys(named))


def results(files: Sequence[str]) -> dict[str, list[Result]]:
    """Results by the test's address without parameters; later files stand for earlier ones."""
    found: dict[str, list[Result]] = {}
    for file in files:
        here: dict[str, list[Result]] = {}
        for case in ElementTree.parse(file).iter("testcase"):
            here.setdefault(_address(case), []).append(_result(case))
        found |= here
    return found


def _address(case: ElementTree.Element) -> str:
    """`tests/unit/test_x.py::TestY::test_z`, from a class name such as `tests.unit.test_x.TestY`."""
    parts = case.get("classname", "").split(".")
    module = next((n for n in range(len(parts), 0, -1) if (ROOT / ("/".join(parts[:n]) + ".py")).is_file()), len(parts))
    inner = [*parts[module:], case.get("name", "").partition("[")[0]]
    return "::".join(["/".join(parts[:module]) + ".py", *inner])


def _result(case: ElementTree.Element) -> Result:
    tags = {child.tag for child in case}
    outcome = "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"
    recorded = {item.get("name"): item.get("value") for item in case.iter("property")}
    return Result(outcome, recorded.get("figure"), recorded.get("plot"))


def page(found: Mapping[str, Sequence[Result]]) -> Iterator[str]:
    """Lines of the page."""
    yield HEAD
    for section, rows in promises().items():
        yield f"## {section}\n"
        yield "| fault | promise | test | seen |"
        yield "|---|---|---|---|"
        for row in rows:
            shown = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in row["tests"])
            yield f"| {row['fault']} | {row['promise']} | {shown} | {_seen(row['tests'], found)} |"
        yield ""
        for row in rows:
            if "plot" in row and (DOCS / row["plot"]).is_file():
                yield f"![Throughput against the number of workers]({row['plot']})\n"


def draw_plots(found: Mapping[str, Sequence[Result]]) -> None:
    """Write the plot of each row whose tests recorded one."""
    for row in (row for rows in promises().values() for row in rows if "plot" in row):
        recorded = [case.plot for case in _cases(row["tests"], found) if case.plot and case.outcome == "passed"]
        if recorded:
            draw_throughput(json.loads(recorded[0]), DOCS / row["plot"])


def draw_throughput(measured: Mapping[str, Any], file: Path) -> None:
    """Shards a second against workers, on logarithmic scales, beside the line of workers that never wait."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams |= {"svg.hashsalt": "gmlm", "svg.fonttype": "none", "font.size": 9}
    workers = [point["workers"] for point in measured["points"]]
    seconds = measured["seconds_per_shard"]
    figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
    axes.plot(workers, [point["shards_per_second"] for point in measured["points"]], "o-", label="measured")
    axes.plot(workers, [count / seconds for count in workers], "--", color="grey", label="no worker ever waits")
    axes.set(xscale="log", yscale="log", xlabel=f"workers, where a shard takes {seconds:g} s", ylabel="shards a second")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(file, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _cases(named: Sequence[str], found: Mapping[str, Sequence[Result]]) -> list[Result]:
    return [result for address, some in found.items() for result in some if any(_is_of(address, t) for t in named)]


def _seen(named: Sequence[str], found: Mapping[str, Sequence[Result]]) -> str:
    cases = _cases(named, found)
    outcomes = Counter(result.outcome for result in cases)
    figures = [result.figure for result in cases if result.figure and result.outcome == "passed"]
    counted = ", ".join(f"{outcomes[name]} {name}" for name in ("passed", "failed", "skipped") if outcomes[name])
    return "; ".join([counted or "not run here", *dict.fromkeys(figures)])


def _is_of(address: str, test: str) -> bool:
    return address == test or address.startswith(f"{test}::")


if __name__ == "__main__":
    if sys.argv[1] == "tests":
        print("\n".join(tests()))
    else:
        seen = results(sys.argv[2:])
        draw_plots(seen)
        print("\n".join(page(seen)).rstrip())
