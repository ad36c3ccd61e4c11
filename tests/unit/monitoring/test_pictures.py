"""Pictures are drawn from whatever Prometheus answers, also where it answers nothing."""

from __future__ import annotations

import sys

import pytest

from gmlm.monitoring import pictures
from gmlm.monitoring.answers import Window
from gmlm.monitoring.dashboards import GPUS, PRETRAINING
from gmlm.monitoring.prometheus import Prometheus

WINDOW = Window(1_700_000_000.0, 1_700_000_600.0)


def matrix(*labels: dict[str, str]) -> dict:
    values = [[WINDOW.start + 15 * index, str(0.1 + index)] for index in range(20)]
    result = [{"metric": each, "values": values} for each in labels]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


@pytest.mark.parametrize("reply", [matrix({"model": "a"}, {"model": "b"}), matrix()], ids=["data", "no-data"])
@pytest.mark.parametrize("dashboard", [PRETRAINING, GPUS], ids=lambda each: each.uid)
def test_a_dashboard_becomes_a_picture(server, tmp_path, dashboard, reply):
    server.replies = [reply]
    target = tmp_path / "images" / "board.png"
    pictures.draw(Prometheus(server.url), dashboard, WINDOW, target, {})
    assert target.read_bytes().startswith(b"\x89PNG")


def test_panels_stand_as_grafana_puts_them():
    lines = pictures._arranged(PRETRAINING)
    assert all(sum(panel.width for panel in line) <= 24 for line in lines)
    assert [panel for line in lines for panel in line] == list(PRETRAINING.panels)
    assert [panel.title for panel in lines[0]] == ["Loss", "Held-out loss"]


def test_the_script_draws_every_dashboard(server, tmp_path, monkeypatch):
    server.replies = [matrix()]
    drawn: list[str] = []
    monkeypatch.setattr(pictures, "draw", lambda p, board, window, target, variables: drawn.append(target.name))
    monkeypatch.setattr(sys, "argv", ["pictures", server.url, "--output", str(tmp_path), "--end", "1700000000"])
    pictures.main()
    assert len(drawn) == 5
    assert all(name.endswith(".png") for name in drawn)
