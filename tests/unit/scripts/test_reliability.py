"""The page of promises names tests that exist, and claims nothing that was not seen."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
CASES = """<testsuites><testsuite timestamp="2026-03-01T10:00:00">
<testcase classname="tests.unit.storage.test_lease" name="test_a"/>
<testcase classname="tests.unit.translation.test_endpoint.TestNothingLeaves" name="test_b[x::y]">
<properties><property name="figure" value="9 of 9"/></properties></testcase>
<testcase classname="tests.unit.translation.test_endpoint.TestNothingLeaves" name="test_b[z]"><failure/></testcase>
<testcase classname="tests.e2e.test_cluster" name="test_killed_pods_of_every_kind_of_stage_leave_the_same_bytes">
OUTCOME</testcase>
</testsuite></testsuites>"""
CLUSTER = "tests/e2e/test_cluster.py::test_killed_pods_of_every_kind_of_stage_leave_the_same_bytes"
CROWD = """<testsuites><testsuite timestamp="2026-03-01T10:00:00">
<testcase classname="tests.faults.s3.test_many_workers" name="test_x">
<properties><property name="plot"
value='{"seconds_per_shard": 20, "points": [{"workers": 1, "shards_per_second": 0.05}]}'/></properties>
OUTCOME</testcase></testsuite></testsuites>"""


@pytest.fixture(scope="module")
def reliability() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reliability", ROOT / "scripts" / "reliability.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["reliability"] = module
    spec.loader.exec_module(module)
    return module


def junit(folder: Path, text: str, outcome: str = "") -> str:
    file = folder / "results.xml"
    file.write_text(text.replace("OUTCOME", outcome))
    return str(file)


def test_every_test_that_is_named_is_there(reliability: ModuleType) -> None:
    for test in reliability.tests(commands=True):
        file, *names = test.split("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        assert all(f"def {name}(" in text or f"class {name}:" in text for name in names), test


def test_results_are_found_by_address_whatever_their_parameters(reliability: ModuleType, tmp_path: Path) -> None:
    found = reliability.results([junit(tmp_path, CASES, "<skipped/>")])
    assert reliability._seen(["tests/unit/storage/test_lease.py"], found) == "1 passed"
    endpoint = ["tests/unit/translation/test_endpoint.py::TestNothingLeaves"]
    assert reliability._seen(endpoint, found) == "1 passed, 1 failed; 9 of 9"
    assert reliability._day(endpoint, found) == "2026-03-01"
    assert reliability._seen([CLUSTER], found) == "1 skipped"
    assert reliability._seen(["tests/unit/test_manifest.py"], found) == "not run here"


def test_a_row_names_the_tests_that_it_lacks_and_has_no_day(reliability: ModuleType, tmp_path: Path) -> None:
    found = reliability.results([junit(tmp_path, CASES)])
    row = ["tests/unit/storage/test_lease.py", "tests/unit/test_x.py::test_y"]
    assert reliability._seen(row, found) == "1 passed; not run here: `test_y`"
    assert reliability._day(row, found) == ""


def test_a_test_that_is_not_run_again_keeps_its_result_and_day(
    reliability: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reliability, "DOCS", tmp_path)
    reliability.record([junit(tmp_path, CASES)])
    reliability.record([junit(tmp_path, CASES.replace("2026-03-01", "2026-04-01"), "<skipped/>")])
    rows = (tmp_path / "reliability.md").read_text().splitlines()
    (cluster,) = (row for row in rows if CLUSTER.removeprefix("tests/") in row)
    assert cluster.endswith("| 1 passed | 2026-03-01 |")
    (endpoint,) = (row for row in rows if "test_endpoint.py::TestNothingLeaves" in row)
    assert endpoint.endswith("| 1 passed, 1 failed; 9 of 9 | 2026-04-01 |")


def test_a_row_with_a_plot_is_drawn_from_what_its_test_recorded(
    reliability: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reliability, "DOCS", tmp_path)
    reliability.draw_plots([junit(tmp_path, CROWD, "<failure/>")])
    assert not list(tmp_path.glob("*.svg"))
    reliability.draw_plots([junit(tmp_path, CROWD)])
    (drawn,) = tmp_path.glob("*.svg")
    assert "where a shard takes 20 s" in drawn.read_text()
    assert f"({drawn.name})" in "\n".join(reliability.page({}))
    before = drawn.read_bytes()
    reliability.draw_plots([junit(tmp_path, CROWD)])
    assert drawn.read_bytes() == before


def test_the_result_of_a_test_that_was_renamed_is_forgotten(reliability: ModuleType) -> None:
    old, new = (
        f"tests/unit/storage/test_lease.py::{name}" for name in ("test_gone", "test_a_successor_is_watched_anew")
    )
    result = reliability.Result("2026-03-01", {"passed": 1})
    assert list(reliability.merge({old: result, new: result}, {})) == [new]
