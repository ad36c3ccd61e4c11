"""Translation by an OpenAI-compatible endpoint, such as vLLM in the cluster, for decoder-only translators."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

from gmlm.config import DecodingConfig, EndpointConfig, RetryConfig
from gmlm.config.paths import expand_variables
from gmlm.config.translation import is_inside
from gmlm.errors import AccessDeniedError, ConfigError, StorageError
from gmlm.translation.engines.prompts import messages

ATTEMPTS = 5
"""Attempts of a request; the waits between them double from one second on."""
CHARACTERS_PER_TOKEN = 4
"""Of English text: an estimate, as the server's tokenizer is not here."""
GROWTH = 3
"""Tokens that an output may have per estimated token of its source."""


class EndpointEngine:
    """A served model. It decodes greedily, so equal requests mostly, but not provably, give equal outputs."""

    def __init__(self, endpoint: EndpointConfig, decoding: DecodingConfig, *, pause: float = 1.0) -> None:
        self._endpoint, self._limit, self._pause = endpoint, decoding.max_length, pause
        self._url = expand_variables(endpoint.url).rstrip("/") + "/chat/completions"
        if endpoint.in_cluster and not is_inside(self._url):
            fix = "name a service of the cluster, this machine or a private address"
            raise ConfigError("'in_cluster' is set, but the url leads out", where=self._url, fix=fix)
        # Neither a proxy of the environment nor a redirect may carry text to where the study did not send it.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())

    @property
    def source_limit(self) -> int:
        """Longest source segment in estimated tokens."""
        return self._limit

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Estimated lengths in tokens."""
        return [len(text) // CHARACTERS_PER_TOKEN + 1 for text in texts]

    def translate(self, batch: Sequence[str], retry: RetryConfig | None = None) -> list[str]:
        """Translate segments, several requests at a time."""
        penalty = {} if retry is None else {"repetition_penalty": retry.repetition_penalty}
        with ThreadPoolExecutor(self._endpoint.concurrency) as pool:
            return list(pool.map(lambda text: self._ask(text, penalty), batch))

    def _ask(self, text: str, settings: dict[str, float]) -> str:
        body = {
            "model": self._endpoint.model,
            "messages": messages(self._endpoint.family, text),
            "temperature": 0,
            "max_tokens": GROWTH * self.lengths([text])[0] + 16,
            **settings,
        }
        for attempt in range(ATTEMPTS):
            try:
                return _content(self._send(body), self._url)
            except urllib.error.HTTPError as error:
                if error.code not in (408, 429) and error.code < 500:
                    _refused(error.code, self._url)
                reason = f"HTTP {error.code}"
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                reason = type(error).__name__
            if attempt + 1 < ATTEMPTS:
                time.sleep(self._pause * 2**attempt)
        fix = "check the endpoint, then run again: it resumes"
        raise StorageError(f"the endpoint does not answer ({reason})", where=self._url, fix=fix)

    def _send(self, body: dict[str, Any]) -> bytes:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get("OPENAI_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        with self._opener.open(request, timeout=self._endpoint.timeout) as answer:
            data: bytes = answer.read()
        return data


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _content(answer: bytes, url: str) -> str:
    """The text of the first choice."""
    try:
        return str(json.loads(answer)["choices"][0]["message"]["content"]).strip()
    except (ValueError, LookupError, TypeError):
        fix = "name the base address of an OpenAI-compatible service, ending in /v1"
        raise ConfigError("its answer is not that of a chat completion", where=url, fix=fix) from None


def _refused(code: int, url: str) -> NoReturn:
    if code in (401, 403):
        raise AccessDeniedError(f"HTTP {code}", where=url, fix="set OPENAI_API_KEY to a valid key") from None
    if 300 <= code < 400:
        raise ConfigError("it redirects elsewhere, which is not followed", where=url, fix="name the final address")
    raise ConfigError(f"HTTP {code}", where=url, fix="check address, model name and length limits") from None
