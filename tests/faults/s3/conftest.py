"""A proxy in front of a real S3 server that spoils answers as networks and overloaded servers do."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}
SLOW_SECONDS = 0.3


@dataclass(frozen=True)
class Request:
    """What a fault is chosen by."""

    number: int
    method: str
    path: str


Plan = Callable[[Request], str | None]
"""The fault of a request: `500`, `503`, `slow`, `reset` before the server hears of it, `lost` after it has answered,
`cut` within the body, `short` with a length that fits, or None."""


class FaultyProxy(ThreadingHTTPServer):
    """Passes requests on to a server, and spoils those that the plan names."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream = upstream.removeprefix("http://")
        self.plan: Plan = lambda request: None
        self.requests = 0
        self.injected: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def fault_of(self, method: str, path: str) -> str | None:
        with self._lock:
            self.requests += 1
            fault = self.plan(Request(self.requests, method, path))
            if fault:
                self.injected[fault] += 1
            return fault

    def handle_error(self, *_: object) -> None:
        """Clients that are killed are no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def answer(self) -> None:
        body = self._body()
        fault = self.server.fault_of(self.command, self.path)
        if fault == "slow":
            time.sleep(SLOW_SECONDS)
        if fault == "reset":
            return self._reset()
        if fault in ("500", "503"):
            return self._error(int(fault))
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=60)
        try:
            upstream.request(self.command, self.path, body, dict(self.headers.items()))
            response = upstream.getresponse()
            content = response.read()
        finally:
            upstream.close()
        if fault == "lost":
            return self._reset()
        self._pass_on(response, content, fault)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            raise AssertionError("the client is expected to send a length")
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def _pass_on(self, response: http.client.HTTPResponse, content: bytes, fault: str | None) -> None:
        sent = content[: len(content) // 2] if fault in ("cut", "short") else content
        length = response.getheader("content-length", "0") if self.command == "HEAD" else str(len(content))
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            if name.lower() not in HOP_BY_HOP - {"date"}:
                self.send_header(name, value)
        self.send_header("content-length", str(len(sent)) if fault == "short" else length)
        self.end_headers()
        self.wfile.write(sent)
        if fault == "cut":
            self.wfile.flush()
            self.close_connection = True

    def _error(self, status: int) -> None:
        code = {500: "InternalError", 503: "SlowDown"}[status]
        body = b"" if self.command == "HEAD" else f"<Error><Code>{code}</Code><Message>x</Message></Error>".encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        """Close the connection by RST, as a crashed peer or a firewall does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def finish(self) -> None:
        if self.connection.fileno() >= 0:
            super().finish()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def proxy(s3_server: Any) -> Iterator[FaultyProxy]:
    with FaultyProxy(s3_server.endpoint) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def faulty_uri(proxy: FaultyProxy, s3_server: Any, use_s3: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fresh bucket, reached through the proxy."""
    uri: str = use_s3(replace(s3_server, endpoint=proxy.endpoint))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "6")
    return uri
