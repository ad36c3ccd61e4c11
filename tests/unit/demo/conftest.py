"""A tiny world, written once."""

from pathlib import Path

import pytest

from gmlm.demo import WorldSummary, generate_world


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory) -> WorldSummary:
    return generate_world(tmp_path_factory.mktemp("world"), seed=13, size="tiny")


@pytest.fixture(scope="session")
def world_folder(tiny_world) -> Path:
    return tiny_world.folder
