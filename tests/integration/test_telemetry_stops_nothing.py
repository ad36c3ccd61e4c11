"""A port that is taken and a gateway that refuses are a line in the log; the work and its exit code are untouched."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration


class _Refuses(BaseHTTPRequestHandler):
    asked = 0

    def do_PUT(self) -> None:
        type(self).asked += 1
        self.send_error(503)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def refusing() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_stage_succeeds_beside_a_taken_port_and_a_refusing_gateway(
    refusing: ThreadingHTTPServer, tmp_path: Path
) -> None:
    gmlm = [sys.executable, "-m", "gmlm.cli"]
    subprocess.run([*gmlm, "demo", str(tmp_path), "--size", "tiny"], check=True, capture_output=True)
    port = str(refusing.server_port)
    gateway = f"http://127.0.0.1:{port}"
    done = subprocess.run(
        [*gmlm, "ingest", str(tmp_path / "study.yaml"), "--metrics-port", port, "--pushgateway", gateway],
        env={**os.environ, "GMLM_PROGRESS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "+ ingest/pubmed" in done.stderr
    assert "metrics are not served" in done.stderr
    assert "metrics are not pushed" in done.stderr
    assert _Refuses.asked == 1
