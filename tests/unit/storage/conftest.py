"""Stores of every kind behind one face, so that one suite holds for all."""

from __future__ import annotations

import dataclasses
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import botocore.httpsession
import pytest
from botocore.awsrequest import AWSResponse

from gmlm.storage import Store, open_store


@dataclasses.dataclass
class Backend:
    """A kind of store: its name, an empty store, and a hand that changes an object behind the store's back."""

    name: str
    store: Store
    tamper: Callable[[str, bytes], None]
    server: Any = None

    @property
    def is_s3(self) -> bool:
        return self.name != "local"


@pytest.fixture(scope="session")
def moto_server():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    server.stop()


@pytest.fixture
def moto_uri(moto_server, use_s3, s3_server_type):
    return use_s3(s3_server_type(moto_server, "any", "any"))


@pytest.fixture
def s3_server_type(request):
    """The class of the root conftest, which cannot be imported by name."""
    return request.config.pluginmanager.getplugin(str(Path(__file__).parents[2] / "conftest.py")).S3Server


@pytest.fixture(
    params=["local", "moto", pytest.param("versitygw", marks=pytest.mark.integration)],
)
def backend(request, tmp_path) -> Backend:
    if request.param == "local":
        root = tmp_path / "store"
        return Backend("local", open_store(str(root)), lambda key, data: (root / key).write_bytes(data))
    uri = request.getfixturevalue("moto_uri" if request.param == "moto" else "s3_environment") + "/a prefix"
    server = request.getfixturevalue("s3_server") if request.param == "versitygw" else None
    return Backend(request.param, open_store(uri), lambda key, data: _replace(uri, key, data), server)


def _replace(uri: str, key: str, data: bytes) -> None:
    """Other bytes under the old object's metadata."""
    bucket, prefix = uri.removeprefix("s3://").split("/", 1)
    client, where = boto3.session.Session().client("s3"), {"Bucket": bucket, "Key": f"{prefix}/{key}"}
    client.put_object(**where, Body=data, Metadata=client.head_object(**where)["Metadata"])


class Requests:
    """Requests that an S3Store sends, and a hand to spoil some of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.urls: list[str] = []
        self.methods: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.before = lambda request: None
        self.after = lambda request, response: response
        original = botocore.httpsession.URLLib3Session.send

        def send(session, request):
            with self.lock:
                self.urls.append(request.url)
                self.methods.append(request.method)
                self.headers.append({name: _text(value) for name, value in request.headers.items()})
            answer = self.before(request)
            return answer if answer is not None else self.after(request, original(session, request))

        monkeypatch.setattr(botocore.httpsession.URLLib3Session, "send", send)

    @staticmethod
    def answer(status: int, code: str = "") -> AWSResponse:
        """What a server might say."""

        class Raw(io.BytesIO):
            def stream(self, *_: object, **__: object):
                yield self.read()

        body = f"<Error><Code>{code}</Code><Message>x</Message></Error>".encode() if code else b""
        return AWSResponse("http://x", status, {"content-length": str(len(body))}, Raw(body))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


@pytest.fixture
def requests(monkeypatch) -> Requests:
    return Requests(monkeypatch)
