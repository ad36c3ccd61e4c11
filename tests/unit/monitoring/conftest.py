"""A server that answers like Prometheus or like an exporter, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest


class Server(ThreadingHTTPServer):
    """Gives `replies` in turn, the last one for ever: text, or a value that is wrapped as Prometheus does."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: list[Any] = []
        self.asked: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.asked.append((parts.path, {key: values[0] for key, values in parse_qs(parts.query).items()}))
        reply = self.server.replies.pop(0) if len(self.server.replies) > 1 else self.server.replies[0]
        body = reply if isinstance(reply, str) else json.dumps(reply)
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def vector(*series: tuple[dict[str, str], float]) -> dict[str, Any]:
    """An answer to an instant query."""
    result = [{"metric": labels, "value": [100.0, str(value)]} for labels, value in series]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@pytest.fixture
def as_vector() -> Any:
    return vector
