"""`gmlm export` to the Hugging Face Hub: a restricted model never goes there, another becomes one private commit."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gmlm.errors import AccessDeniedError, ConfigError, StorageError

NAME = "clinic/encoder"


class Hub(ThreadingHTTPServer):
    """Stands for the Hub: one repository, whose files come by commits."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {".gitattributes": b""}
        self.requests: list[str] = []
        self.private: list[bool] = []
        self.commits, self.status = 0, 200

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0]
        if self.server.status != 200:
            return self._send({"error": "no"}, self.server.status)
        if self.headers.get("authorization") != "Bearer hf_right":
            return self._send({"error": "no"}, 401)
        if path == "/api/repos/create":
            self.server.private.append(json.loads(body).get("visibility") == "private")
            return self._send({"url": f"{self.server.address}/{NAME}", "id": NAME})
        if path == "/api/validate-yaml":
            return self._send({"errors": [], "warnings": []})
        if path.endswith("/preupload/main"):
            files = json.loads(body)["files"]
            return self._send(
                {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]}
            )
        if path.endswith("/commit/main"):
            return self._commit(body)
        if path.startswith(f"/api/models/{NAME}/tree"):
            rows = [{"type": "file", "path": p, "size": len(c), "oid": "0" * 40} for p, c in self.server.files.items()]
            return self._send(rows)
        if path.startswith(f"/api/models/{NAME}"):
            return self._send({"id": NAME, "sha": "1" * 40, "siblings": [{"rfilename": p} for p in self.server.files]})
        return self._file(path.rpartition("/")[2])

    do_GET = do_POST = do_HEAD = answer

    def _commit(self, body: bytes) -> None:
        for line in map(json.loads, body.decode().splitlines()):
            if line["key"] == "file":
                self.server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        self.server.commits += 1
        self._send({"commitUrl": f"{self.server.address}/{NAME}/commit/2", "commitOid": "2" * 40})

    def _file(self, name: str) -> None:
        content = self.server.files[name]
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": "1" * 40}
        self._send(content, 200, headers)

    def _send(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def export(finished: Any, hub: Hub, study_file: Path, tmp_path: Path) -> Any:
    """Run the command in a process of its own that may reach the Hub."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gmlm.cli", "export", str(study_file), *arguments]
        reachable = {"HF_ENDPOINT": hub.address, "HF_TOKEN": "hf_right", "HF_HUB_OFFLINE": "0"}
        return subprocess.run(
            [*command, "--store", str(tmp_path / "store")],
            env={**os.environ, **reachable, "HF_HOME": str(tmp_path / "hub"), **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.mark.parametrize("model", ["clinical", "further"])
@pytest.mark.parametrize("options", [(), ("--inside",)])
def test_a_model_of_restricted_texts_is_refused_before_any_request(
    export: Any, hub: Hub, model: str, options: tuple[str, ...]
) -> None:
    result = export(model, f"hf://{NAME}", *options)
    assert result.returncode == AccessDeniedError.exit_code, result.stderr
    assert "ingest/notes is restricted" in result.stderr
    assert hub.requests == []


def test_another_model_becomes_one_commit_of_a_private_repository(export: Any, hub: Hub) -> None:
    result = export("base", f"hf://{NAME}")
    assert result.returncode == 0, result.stderr
    assert f"hf://{NAME}: pretrain/base" in result.stdout
    assert hub.private == [True]
    assert hub.files["model.safetensors"] == b"weights of base"
    sums = dict(reversed(line.split("  ")) for line in hub.files["SHA256SUMS"].decode().splitlines())
    assert set(hub.files) == {*sums, "SHA256SUMS", ".gitattributes"}
    assert all(hashlib.sha256(hub.files[name]).hexdigest() == sha256 for name, sha256 in sums.items())


def test_a_second_export_changes_nothing(export: Any, hub: Hub) -> None:
    assert export("base", f"hf://{NAME}").returncode == 0
    result = export("base", f"hf://{NAME}")
    assert result.returncode == 0, result.stderr
    assert hub.commits == 1


def test_a_repository_that_holds_something_else_is_left_alone(export: Any, hub: Hub) -> None:
    hub.files["pytorch_model.bin"] = b"x"
    result = export("base", f"hf://{NAME}")
    assert result.returncode == StorageError.exit_code
    assert "holds other files" in result.stderr
    assert hub.commits == 0


@pytest.mark.parametrize(
    ("target", "environment", "code", "words"),
    [
        (f"hf://{NAME}", {"HF_TOKEN": "hf_wrong"}, AccessDeniedError.exit_code, "HF_TOKEN"),
        (f"hf://{NAME}", {"HF_HUB_OFFLINE": "1"}, ConfigError.exit_code, "HF_HUB_OFFLINE=0"),
        (f"hf://{NAME}", {"HF_ENDPOINT": "http://127.0.0.1:1"}, StorageError.exit_code, "does not answer"),
        ("hf://encoder", {}, ConfigError.exit_code, "hf://OWNER/NAME"),
        ("hf://a/b/c", {}, ConfigError.exit_code, "hf://OWNER/NAME"),
    ],
)
def test_what_is_wrong_is_said(export: Any, target: str, environment: dict[str, str], code: int, words: str) -> None:
    result = export("base", target, **environment)
    assert result.returncode == code, result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.stderr
