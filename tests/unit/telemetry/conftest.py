"""A web server that remembers the last request."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gmlm.telemetry import registry


@pytest.fixture(autouse=True)
def fresh_registry():
    """Metrics that no other test has touched, of no study."""
    registry.instruments.cache_clear()
    registry.name_study("")
    yield
    registry.instruments.cache_clear()
    registry.name_study("")


class Sink(HTTPServer):
    path: str = ""
    status: int = 200
    body: bytes = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Sink

    def do_PUT(self) -> None:
        self.server.path = self.path
        self.server.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def http_sink():
    with Sink(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
