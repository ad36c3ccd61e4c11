"""Finds a translation model by Hub name or local path. Only safetensors weights are taken, and never remote code."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from gmlm.config.paths import resolve_model
from gmlm.errors import InputNotFoundError, ModelMismatchError

FILES = ("*.safetensors", "*.json", "*.spm", "*.model", "*.txt")
"""What a model folder may consist of; weights in pickle formats and code are left behind."""


def model_folder(model: str, study_folder: Path) -> Path:
    """The local folder of a model; downloads it if it is a Hub name and not in the Hub cache.

    Raises:
        InputNotFoundError: Neither a folder nor a model of the Hub, or the Hub cannot be reached.
        ModelMismatchError: It has no safetensors weights.
    """
    folder = resolve_model(model, study_folder) or _download(model)
    if not any(folder.glob("*.safetensors")):
        raise ModelMismatchError(
            "no safetensors weights",
            where=model,
            fix="load the model once with transformers, save it by save_pretrained(), and name that folder",
        )
    return folder


def model_files(folder: Path) -> list[Path]:
    """The files of a model folder that are copied, by name."""
    return sorted({file for pattern in FILES for file in folder.glob(pattern) if file.is_file()})


def _download(model: str) -> Path:
    try:
        return Path(snapshot_download(model, allow_patterns=list(FILES)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        raise InputNotFoundError(
            "neither a local folder nor a model that the Hugging Face Hub or its local cache offers",
            where=model,
            fix="check the name and the network, or give a folder; behind a mirror set HF_ENDPOINT",
        ) from None
