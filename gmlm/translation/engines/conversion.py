"""Conversion to CTranslate2's format, once per model: cached by content, published by one rename."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import ctranslate2
from ctranslate2.converters import TransformersConverter

from gmlm.errors import ModelMismatchError
from gmlm.storage.files import explained
from gmlm.telemetry import get_logger
from gmlm.translation.engines.engine import TranslationModel
from gmlm.translation.engines.fsmt import MODEL_TYPE, FsmtConverter
from gmlm.translation.engines.shortlist import SHORTLIST_FILE
from gmlm.translation.engines.t5 import UnscaledT5Loader

log = get_logger(__name__)


LOADERS = (UnscaledT5Loader,)
"""Loaders that stand in for CTranslate2's own; importing them registers them."""
REVISION = 2
"""Raised whenever a conversion gives other weights, so that older ones are not taken from the cache."""


def cache_folder() -> Path:
    """Where conversions are kept: `$XDG_CACHE_HOME/gmlm/ctranslate2`, by default under `~/.cache`."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "gmlm" / "ctranslate2"


def converted(model: TranslationModel) -> Path:
    """The folder of the model in CTranslate2's format.

    Weights are stored as they are and quantised when loaded, so one conversion serves all compute types.

    Raises:
        ModelMismatchError: CTranslate2 does not know the architecture, or weights and vocabulary do not fit.
    """
    target = cache_folder() / f"{model.content}-{ctranslate2.__version__}-{REVISION}"
    if target.is_dir():
        return target
    log.info("converting the translator to CTranslate2")
    with explained(str(target)):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
        try:
            _convert(model.folder, temporary)
            _publish(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def _convert(folder: Path, output: Path) -> None:
    fsmt = _architecture(folder) == MODEL_TYPE
    try:
        converter = FsmtConverter(folder) if fsmt else TransformersConverter(str(folder))
        shortlist = folder / SHORTLIST_FILE
        converter.convert(str(output), vmap=str(shortlist) if shortlist.is_file() else None, force=True)
    except ValueError as error:
        unknown = "No conversion is registered" in str(error)
        raise ModelMismatchError(
            "CTranslate2 does not know this model's architecture" if unknown else f"CTranslate2 refuses it: {error}",
            where=_architecture(folder),
            fix="set 'decoding: {engine: transformers}' for this translator",
        ) from None


def _architecture(folder: Path) -> str:
    from transformers import AutoConfig

    return str(AutoConfig.from_pretrained(folder).model_type)


def _publish(temporary: Path, target: Path) -> None:
    try:
        temporary.rename(target)
    except OSError:
        # Another process finished the same conversion first; its bytes serve as well.
        if not target.is_dir():
            raise
