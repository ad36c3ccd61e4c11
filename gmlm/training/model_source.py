"""Finds a model by Hub name or local path. Only safetensors weights and plain files are taken, no code, no pickles."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from gmlm.config.paths import resolve_model
from gmlm.errors import InputNotFoundError

FILES = ("*.safetensors", "*.json", "*.spm", "*.model", "*.txt")
"""What a model may consist of: weights, configuration and tokenizer."""
CARD = "README.md"
"""The model card: it names the licence; it is read where it lies, and not copied."""


def model_folder(model: str, study_folder: Path) -> Path:
    """The local folder of a model; downloads it if it is a Hub name and not in the Hub's cache.

    Raises:
        InputNotFoundError: Neither a folder nor a model of the Hub, or the Hub cannot be reached.
    """
    if (folder := resolve_model(model, study_folder)) is not None:
        return folder
    try:
        return Path(snapshot_download(model, allow_patterns=[*FILES, CARD]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        raise InputNotFoundError(
            "neither a local folder nor a model that the Hugging Face Hub or its local cache offers",
            where=model,
            fix="check the name and the network, or give a folder; behind a mirror set HF_ENDPOINT, "
            "for gated models HF_TOKEN",
        ) from None


def model_files(folder: Path) -> list[Path]:
    """The files of a model's folder that are copied, by name."""
    return sorted({file for pattern in FILES for file in folder.glob(pattern) if file.is_file()})
