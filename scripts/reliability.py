"""Writes docs/reliability.md from tests/faults/promises.yaml and what the tests named there recorded.

`reliability.py tests` prints the tests to run; `reliability.py page FILE...` prints the page from their JUnit files.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
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
    figure = next((item.get("value") for item in case.iter("property") if item.get("name") == "figure"), None)
    return Result(outcome, figure)


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


def _seen(named: Sequence[str], found: Mapping[str, Sequence[Result]]) -> str:
    cases = [
        result for address, some in found.items() for result in some if any(_is_of(address, test) for test in named)
    ]
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
        print("\n".join(page(results(sys.argv[2:]))).rstrip())
