"""The page of promises names tests that exist, and claims nothing that was not seen."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
CASES = """<testsuites><testsuite>
<testcase classname="tests.unit.storage.test_lease" name="test_a"/>
<testcase classname="tests.unit.translation.test_endpoint.TestNothingLeaves" name="test_b[x::y]">
<properties><property name="figure" value="9 of 9"/></properties></testcase>
<testcase classname="tests.unit.translation.test_endpoint.TestNothingLeaves" name="test_b[z]"><failure/></testcase>
<testcase classname="tests.e2e.test_cluster" name="test_c"><skipped/></testcase>
</testsuite></testsuites>"""


@pytest.fixture(scope="module")
def reliability() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reliability", ROOT / "scripts" / "reliability.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["reliability"] = module
    spec.loader.exec_module(module)
    return module


def test_every_test_that_is_named_is_there(reliability: ModuleType) -> None:
    for test in reliability.tests():
        file, *names = test.split("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        assert all(f"def {name}(" in text or f"class {name}:" in text for name in names), test


def test_results_are_found_by_address_whatever_their_parameters(reliability: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "results.xml").write_text(CASES)
    found = reliability.results([str(tmp_path / "results.xml")])
    assert reliability._seen(["tests/unit/storage/test_lease.py"], found) == "1 passed"
    endpoint = ["tests/unit/translation/test_endpoint.py::TestNothingLeaves"]
    assert reliability._seen(endpoint, found) == "1 passed, 1 failed; 9 of 9"
    assert reliability._seen(["tests/e2e/test_cluster.py::test_c"], found) == "1 skipped"
    assert reliability._seen(["tests/unit/test_manifest.py"], found) == "not run here"


def test_a_row_with_a_plot_is_drawn_from_what_its_test_recorded(
    reliability: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reliability, "DOCS", tmp_path)
    measured = '{"seconds_per_shard": 20, "points": [{"workers": 1, "shards_per_second": 0.05}]}'
    test = "tests/faults/s3/test_many_workers.py::test_x"
    reliability.draw_plots({test: [reliability.Result("failed", None, measured)]})
    assert not list(tmp_path.iterdir())
    reliability.draw_plots({test: [reliability.Result("passed", None, measured)]})
    (drawn,) = tmp_path.iterdir()
    assert "where a shard takes 20 s" in drawn.read_text()
    assert f"({drawn.name})" in "\n".join(reliability.page({}))
    before = drawn.read_bytes()
    reliability.draw_plots({test: [reliability.Result("passed", None, measured)]})
    assert drawn.read_bytes() == before
