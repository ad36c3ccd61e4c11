"""The stage `base-model`: a model from the Hub or a local folder, into the store."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel
from transformers.utils import logging as transformers_logging

from gmlm.config import BaseModelConfig
from gmlm.manifest import Manifest
from gmlm.pretraining.models import check_vocabulary, load_encoder, load_tokenizer
from gmlm.stage import StageRun
from gmlm.training.model_source import model_folder


def import_model(config: BaseModelConfig, run: StageRun) -> Manifest:
    """Bring a model and its tokenizer into the store, with a masked-language-model head and in fp32.

    Raises:
        InputNotFoundError: The name is no folder and cannot be had from the Hub.
        DataFormatError: There are no safetensors weights or no tokenizer.
        ModelMismatchError: Tokenizer and embedding disagree.
    """
    folder = model_folder(config.model, run.study_folder)
    tokenizer = load_tokenizer(folder, config.model)
    model = load_encoder(folder, config.model, run.seed)
    check_vocabulary(model, tokenizer, config.model)
    with tempfile.TemporaryDirectory(dir=run.scratch) as temporary:
        save_model(model, tokenizer, Path(temporary))
        files = run.upload_folder(Path(temporary), "model")
    return run.publish("model", config, files, metrics={"parameters": model.num_parameters()})


MACHINE_SETTINGS = ("name_or_path", "_name_or_path", "is_local", "local_files_only")
"""Fields that transformers writes about where it ran."""


def save_model(model: PreTrainedModel, tokenizer: Any, folder: Path) -> None:
    """Write `config.json`, `model.safetensors` in one file and the tokenizer, free of any trace of this machine.

    transformers would note paths, and whether it was offline: then pods and laptops would write different bytes.
    """
    transformers_logging.disable_progress_bar()
    model.save_pretrained(folder, max_shard_size="1TB")
    tokenizer.save_pretrained(folder)
    for file in (folder / "tokenizer_config.json", folder / "config.json"):
        settings = json.loads(file.read_text(encoding="utf-8"))
        settings = {key: value for key, value in settings.items() if key not in MACHINE_SETTINGS}
        file.write_text(json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
