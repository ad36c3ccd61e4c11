"""The engine protocol: a batch of English segments in, as many German ones out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from gmlm.config import DecodingConfig, EndpointConfig, RetryConfig
from gmlm.errors import ModelMismatchError
from gmlm.manifest import Manifest
from gmlm.stage import StageRun

Direction = Literal["en-de", "de-en"]
"""From which language into which."""
MODEL_FOLDER = "model"
ENDPOINT_FILE = "endpoint.json"
"""In the place of a model: the service that translates."""


class Engine(Protocol):
    """A loaded model. Decoding is deterministic: the same batch gives the same output."""

    @property
    def source_limit(self) -> int:
        """Longest source segment in tokens, the end of sequence included."""
        ...

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Lengths in tokens, the end of sequence included."""
        ...

    def translate(self, batch: Sequence[str], retry: RetryConfig | None = None) -> list[str]:
        """Translate segments of at most `source_limit` tokens, aligned one to one; `retry` decodes them in its way."""
        ...


@dataclass(frozen=True)
class TranslationModel:
    """A translation model as local files, with the sha256 over its content that a conversion is cached by."""

    folder: Path
    content: str

    @classmethod
    def of(cls, run: StageRun, manifest: Manifest) -> TranslationModel:
        """The model that a `translator` stage made."""
        files = sorted((file.path, file.sha256) for file in manifest.files if file.path.startswith(f"{MODEL_FOLDER}/"))
        if not files:
            raise ModelMismatchError("holds no model", where=manifest.prefix, fix="give the output of a translator")
        content = hashlib.sha256(repr(files).encode()).hexdigest()
        return cls(run.local_folder(manifest, MODEL_FOLDER), content)


def open_engine(model: TranslationModel, decoding: DecodingConfig, direction: Direction = "en-de") -> Engine:
    """Load a model into the engine that `decoding` names; a translator that is a service needs none.

    A service translates into German whatever the direction; studies with one as back translator are refused.

    Raises:
        ModelMismatchError: The engine does not know the architecture, or the folder holds no translation model.
    """
    endpoint = model.folder / ENDPOINT_FILE
    if endpoint.is_file():
        from gmlm.translation.engines.endpoint import EndpointEngine

        return EndpointEngine(EndpointConfig.model_validate_json(endpoint.read_bytes()), decoding)
    if decoding.engine == "ctranslate2":
        from gmlm.translation.engines.ctranslate2 import CTranslate2Engine

        return CTranslate2Engine(model, decoding, direction)
    from gmlm.translation.engines.transformers import TransformersEngine

    return TransformersEngine(model, decoding, direction)
