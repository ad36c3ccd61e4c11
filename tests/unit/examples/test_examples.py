"""Every example study is valid and its graph can be built."""

from __future__ import annotations

from pathlib import Path

import pytest

from gmlm.config import load_study
from gmlm.study.graph import build_graph

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_builds_a_graph_that_ends_in_a_report(path: Path) -> None:
    study = load_study(path)
    assert list(build_graph(study))[-1] == f"report/{study.name}"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_named_in_the_readme(path: Path) -> None:
    assert f"`{path.name}`" in (path.parent / "README.md").read_text(encoding="utf-8")


def test_restricted_sources_are_marked() -> None:
    for path in EXAMPLES:
        sources = load_study(path).sources
        assert all(source.restricted for name, source in sources.items() if "mimic" in name)


def test_the_study_of_real_texts_with_five_seeds_takes_over_all_that_the_shorter_one_made() -> None:
    short, long = (load_study(EXAMPLES[0].parent / f"{name}.yaml") for name in ("real-cpu", "real-seeds"))
    assert long.evaluation is not None
    assert (len(long.evaluation.seeds), long.evaluation.floors, len(long.tasks)) == (5, True, 3)
    assert long.store == short.store
    made, needed = build_graph(short), build_graph(long)
    assert all(needed[node] == made[node] for node in made if node.split("/")[0] not in ("evaluate", "report"))
