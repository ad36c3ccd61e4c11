"""Writes docs/reliability.md from tests/faults/promises.yaml and what the tests named there recorded.

`reliability.py tests` prints the tests to run, without those that have a command of their own; `reliability.py record
FILE...` takes their JUnit files into docs/reliability.json, and writes the page and the plots from it. What was not run
keeps its former result and date: a cluster is not everywhere, and a thousand workers not every day.
"""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
HEAD = """# Nothing lost, nothing leaked

What breaks, what is promised then, and the test that breaks it. `make faults` runs the tests and writes this page;
`make fuzz` gives each reader ten thousand damaged inputs and as many that atheris finds. [Security](security.md) says
what all this protects against, and what not. Each row has the day on which all its tests had been run; of a test that
was never run it says so, and nothing is claimed.
"""


@dataclass(frozen=True)
class Result:
    """How the cases of one test ended on the day when they were last run, and the figures that they recorded."""

    day: str
    outcomes: Mapping[str, int]
    figures: Sequence[str] = ()


def promises() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The rows by section."""
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = yaml.safe_load(
        (ROOT / "tests/faults/promises.yaml").read_text(encoding="utf-8")
    )
    return rows


def tests(*, commands: bool) -> list[str]:
    """All tests that rows name, each once; without `commands` not those of rows that have a command of their own."""
    rows = [row for section in promises().values() for row in section if commands or "command" not in row]
    return list(dict.fromkeys(test for row in rows for test in row["tests"]))


def results(files: Sequence[str]) -> dict[str, Result]:
    """Results by the test's address without parameters; later files stand for earlier ones."""
    found: dict[str, Result] = {}
    for file in files:
        for suite in ElementTree.parse(file).iter("testsuite"):
            cases: dict[str, list[ElementTree.Element]] = {}
            for case in suite.iter("testcase"):
                cases.setdefault(_address(case), []).append(case)
            found |= {address: _result(some, suite.get("timestamp", "")[:10]) for address, some in cases.items()}
    return found


def _address(case: ElementTree.Element) -> str:
    """`tests/unit/test_x.py::TestY::test_z`, from a class name such as `tests.unit.test_x.TestY`."""
    parts = case.get("classname", "").split(".")
    module = next((n for n in range(len(parts), 0, -1) if (ROOT / ("/".join(parts[:n]) + ".py")).is_file()), len(parts))
    inner = [*parts[module:], case.get("name", "").partition("[")[0]]
    return "::".join(["/".join(parts[:module]) + ".py", *inner])


def _result(cases: Sequence[ElementTree.Element], day: str) -> Result:
    outcomes = Counter(_outcome(case) for case in cases)
    figures = (value for case in cases if _outcome(case) == "passed" for value in _recorded(case, "figure"))
    return Result(day, dict(outcomes), tuple(dict.fromkeys(figures)))


def _outcome(case: ElementTree.Element) -> str:
    tags = {child.tag for child in case}
    return "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"


def _recorded(case: ElementTree.Element, name: str) -> list[str]:
    return [item.get("value", "") for item in case.iter("property") if item.get("name") == name]


def merge(before: Mapping[str, Result], here: Mapping[str, Result]) -> dict[str, Result]:
    """The newest result of each test that a row names; one that was only skipped leaves the one before."""
    named = tests(commands=True)
    ran = {address: result for address, result in here.items() if set(result.outcomes) != {"skipped"}}
    still_there = {address: result for address, result in before.items() if _exists(address)}
    kept = {**here, **still_there, **ran}
    return {address: kept[address] for address in sorted(kept) if any(_is_of(address, test) for test in named)}


def _exists(address: str) -> bool:
    """Whether a test is where it was: one that was renamed must not be counted beside its new name."""
    file, *_, name = address.split("::")
    return (ROOT / file).is_file() and f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def page(found: Mapping[str, Result]) -> Iterator[str]:
    """Lines of the page."""
    yield HEAD
    for section, rows in promises().items():
        yield f"## {section}\n"
        yield "| fault | promise | test | seen | on |"
        yield "|---|---|---|---|---|"
        for row in rows:
            named = row["tests"]
            shown = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in named)
            yield f"| {row['fault']} | {row['promise']} | {shown} | {_seen(named, found)} | {_day(named, found)} |"
        yield ""
        for row in rows:
            if "plot" in row and (DOCS / row["plot"]).is_file():
                yield f"![Throughput against the number of workers]({row['plot']})\n"


def draw_plots(files: Sequence[str]) -> None:
    """Write the plot of each row whose tests recorded one."""
    cases = [case for file in files for case in ElementTree.parse(file).iter("testcase") if _outcome(case) == "passed"]
    for row in (row for rows in promises().values() for row in rows if "plot" in row):
        of_row = [case for case in cases if any(_is_of(_address(case), test) for test in row["tests"])]
        for plot in [plot for case in of_row for plot in _recorded(case, "plot")][-1:]:
            draw_throughput(json.loads(plot), DOCS / row["plot"])


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


def _seen(named: Sequence[str], found: Mapping[str, Result]) -> str:
    of_row = _of_row(named, found)
    outcomes = sum((Counter(result.outcomes) for result in of_row), Counter[str]())
    counted = ", ".join(f"{outcomes[name]} {name}" for name in ("passed", "failed", "skipped") if outcomes[name])
    figures = dict.fromkeys(figure for result in of_row for figure in result.figures)
    missing = [f"not run here: `{test.split('::')[-1]}`" for test in _not_run(named, found)] if of_row else []
    return "; ".join([counted or "not run here", *figures, *missing])


def _day(named: Sequence[str], found: Mapping[str, Result]) -> str:
    """The oldest day among the row's tests: since then each was run."""
    days = [result.day for result in _of_row(named, found)]
    return min(days) if days and not _not_run(named, found) else ""


def _of_row(named: Sequence[str], found: Mapping[str, Result]) -> list[Result]:
    return [result for address, result in found.items() if any(_is_of(address, test) for test in named)]


def _not_run(named: Sequence[str], found: Mapping[str, Result]) -> list[str]:
    return [test for test in named if not any(_is_of(address, test) for address in found)]


def _is_of(address: str, test: str) -> bool:
    return address == test or address.startswith(f"{test}::")


def record(files: Sequence[str]) -> None:
    """Take JUnit files into the store of results beside the page, and write page and plots anew."""
    store = DOCS / "reliability.json"
    stored = json.loads(store.read_text(encoding="utf-8")) if store.is_file() else {}
    found = merge({address: Result(**result) for address, result in stored.items()}, results(files))
    text = json.dumps({address: asdict(result) for address, result in found.items()}, indent=1, ensure_ascii=False)
    store.write_text(text + "\n", encoding="utf-8")
    draw_plots(files)
    (DOCS / "reliability.md").write_text("\n".join(page(found)).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "tests":
        print("\n".join(tests(commands=False)))
    else:
        record(sys.argv[2:])
