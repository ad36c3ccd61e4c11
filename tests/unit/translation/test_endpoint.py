"""Translation by a real HTTP server that speaks the OpenAI protocol; restricted text leaves the house by no way."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gmlm.config import DecodingConfig, EndpointConfig, RetryConfig, SourceConfig, TranslateConfig, TranslatorConfig
from gmlm.config.load import parse_study
from gmlm.errors import AccessDeniedError, ConfigError, StorageError
from gmlm.shards import Document, read_documents, write_documents
from gmlm.translation.engines import TranslationModel, open_engine
from gmlm.translation.engines.endpoint import EndpointEngine
from gmlm.translation.translate import translate
from gmlm.translation.translator import build_translator


class Service:
    """What the server was asked, and what it answers: statuses to fail with first, then upper case."""

    def __init__(self):
        self.requests, self.keys, self.paths = [], [], []
        self.failures, self.answer = [], None
        self.lock = threading.Lock()


@pytest.fixture
def service():
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with service.lock:
                service.requests.append(body)
                service.keys.append(self.headers.get("Authorization"))
                service.paths.append(self.path)
                status = service.failures.pop(0) if service.failures else 200
            text = body["messages"][-1]["content"]
            text = text if isinstance(text, str) else text[0]["text"]
            content = {"choices": [{"message": {"content": f" {text.splitlines()[-1].upper()}\n"}}]}
            answer = service.answer if service.answer is not None else json.dumps(content).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", service.url + "/elsewhere")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield service
    server.shutdown()


def engine(service, **settings):
    endpoint = EndpointConfig(url=service.url, model="eurollm", in_cluster=True, **settings)
    return EndpointEngine(endpoint, DecodingConfig(max_length=50), pause=0.01)


def test_outputs_are_aligned_with_their_inputs(service):
    texts = [f"segment {n}" for n in range(40)]
    assert engine(service, concurrency=8).translate(texts) == [text.upper() for text in texts]
    request = service.requests[0]
    assert (request["model"], request["temperature"]) == ("eurollm", 0)
    assert set(service.paths) == {"/v1/chat/completions"}


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("plain", "Reply with the translation alone.\n\nFever."),
        ("eurollm", "English source text to German:\nEnglish: Fever.\nGerman: "),
        ("tower", "from English into German.\nEnglish: Fever.\nGerman:"),
    ],
)
def test_each_family_is_asked_in_its_way(service, family, expected):
    engine(service, family=family).translate(["Fever."])
    (message,) = service.requests[0]["messages"]
    assert message["role"] == "user"
    assert message["content"].endswith(expected)


def test_translategemma_is_given_languages_apart_from_the_text(service):
    engine(service, family="translategemma").translate(["Fever."])
    part = service.requests[0]["messages"][0]["content"][0]
    assert (part["source_lang_code"], part["target_lang_code"], part["text"]) == ("en", "de-DE", "Fever.")


def test_a_service_that_is_busy_is_asked_again(service):
    service.failures = [503, 429, 500]
    assert engine(service).translate(["Fever."])[0]
    assert len(service.requests) == 4


def test_a_service_that_stays_away_is_an_error_worth_a_retry(service):
    service.failures = [503] * 50
    with pytest.raises(StorageError, match=r"does not answer \(HTTP 503\)"):
        engine(service).translate(["Fever."])


def test_nobody_at_the_address(service):
    endpoint = EndpointConfig(url="http://127.0.0.1:1/v1", model="x", in_cluster=True)
    with pytest.raises(StorageError, match="does not answer"):
        EndpointEngine(endpoint, DecodingConfig(), pause=0).translate(["Fever."])


@pytest.mark.parametrize(("status", "error"), [(401, AccessDeniedError), (403, AccessDeniedError), (404, ConfigError)])
def test_a_refusal_is_not_repeated(service, status, error):
    service.failures = [status] * 5
    with pytest.raises(error, match=f"HTTP {status}"):
        engine(service).translate(["Fever."])
    assert len(service.requests) == 1


@pytest.mark.parametrize("answer", [b"<html>", b"{}", b'{"choices": []}', b"[]"])
def test_an_answer_of_another_kind_is_named_without_text(service, answer):
    service.answer = answer
    with pytest.raises(ConfigError, match="not that of a chat completion") as caught:
        engine(service).translate(["A secret diagnosis."])
    assert "secret" not in str(caught.value)


def test_the_key_comes_from_the_environment(service, monkeypatch):
    engine(service).translate(["a"])
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    engine(service).translate(["a"])
    assert service.keys == [None, "Bearer k"]


def test_a_retry_penalises_repetition(service):
    engine(service).translate(["a"], RetryConfig(repetition_penalty=1.3))
    assert service.requests[0]["repetition_penalty"] == 1.3


class TestNothingLeaves:
    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_a_redirect_is_not_followed(self, service, status):
        service.failures = [status]
        with pytest.raises(ConfigError, match="redirects elsewhere"):
            engine(service).translate(["Fever."])
        assert len(service.requests) == 1

    def test_a_proxy_of_the_environment_is_not_used(self, service, monkeypatch):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert engine(service).translate(["a"])

    @pytest.mark.parametrize("url", ["https://api.openai.com/v1", "http://8.8.8.8/v1", "https://vllm.example.org/v1"])
    def test_an_address_outside_cannot_be_declared_inside(self, url, monkeypatch):
        with pytest.raises(ValueError, match="the url leads out"):
            EndpointConfig(url=url, model="x", in_cluster=True)
        monkeypatch.setenv("SERVICE", url)
        hidden = EndpointConfig(url="${SERVICE}", model="x", in_cluster=True)
        with pytest.raises(ConfigError, match="the url leads out"):
            EndpointEngine(hidden, DecodingConfig())

    @pytest.mark.parametrize(
        "url", ["http://vllm:8000/v1", "http://vllm.models.svc/v1", "http://10.1.2.3/v1", "http://localhost:8000/v1"]
    )
    def test_addresses_of_the_house(self, url):
        assert EndpointConfig(url=url, model="x", in_cluster=True).in_cluster

    STUDY = """
name: x
sources: {{notes: {{reader: mimic_csv, path: notes.csv, restricted: {restricted}}}}}
translators: {{llm: {{endpoint: {{url: "{url}", model: x, in_cluster: {inside}}}}}}}
translations: {{german: {{source: notes, translator: llm}}}}
"""

    @pytest.mark.parametrize(
        ("restricted", "url", "inside", "allowed"),
        [
            ("true", "https://api.example.org/v1", "false", False),
            ("true", "http://vllm:8000/v1", "false", False),
            ("true", "http://vllm:8000/v1", "true", True),
            ("false", "https://api.example.org/v1", "false", True),
        ],
    )
    def test_a_study_that_would_send_restricted_text_out_is_refused(self, restricted, url, inside, allowed):
        study = self.STUDY.format(restricted=restricted, url=url, inside=inside)
        if allowed:
            parse_study(study)
        else:
            with pytest.raises(ConfigError, match="'notes' is restricted and would be sent to a service outside"):
                parse_study(study)

    def test_the_stage_itself_refuses_too(self, service, make_run):
        run = translation(make_run, service, restricted=True, in_cluster=False)
        with pytest.raises(AccessDeniedError, match="restricted"):
            translate(CONFIG, run)
        assert service.requests == []


CONFIG = TranslateConfig(translation={"source": "notes", "translator": "llm", "max_flagged_ratio": 1.0}, decoding={})


def translation(make_run, service, *, restricted, in_cluster):
    endpoint = {"url": service.url, "model": "eurollm", "in_cluster": in_cluster}
    translator = build_translator(TranslatorConfig(endpoint=endpoint), make_run("translator", "llm"))
    ingest = make_run("ingest", "notes")
    config = SourceConfig(reader="text", path="x", restricted=restricted)
    documents = [Document("a", "notes", "en", "Fever.\n\nNo pain.")]
    source = ingest.publish("documents", config, write_documents(ingest, iter(documents)))
    return make_run("translate", "german", inputs={"documents": source, "translator": translator})


def test_restricted_text_may_be_sent_within_the_house(service, make_run):
    run = translation(make_run, service, restricted=True, in_cluster=True)
    (document,) = read_documents(run.store, translate(CONFIG, run))
    assert document.text == "FEVER.\n\nNO PAIN."


def test_a_translator_that_is_a_service_needs_no_weights(service, make_run):
    run = make_run("translator", "llm")
    manifest = build_translator(TranslatorConfig(endpoint={"url": service.url, "model": "eurollm"}), run)
    assert [file.path for file in manifest.files] == ["model/endpoint.json"]
    assert isinstance(open_engine(TranslationModel.of(run, manifest), DecodingConfig()), EndpointEngine)
