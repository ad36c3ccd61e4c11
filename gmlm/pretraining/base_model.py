"""The stage `base-model`: a model from the Hub or a local folder, into the store."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from transformers.utils import logging as transformers_logging

from gmlm.config import BaseModelConfig
from gmlm.config.models import GENERATOR
from gmlm.manifest import Manifest
from gmlm.pretraining.electra import Trainee, load_as_it_is, parts_of
from gmlm.pretraining.models import check_vocabulary, load_tokenizer
from gmlm.stage import StageRun
from gmlm.training.model_source import model_folder


def import_model(config: BaseModelConfig, run: StageRun) -> Manifest:
    """Bring a model and its tokenizer into the store, in fp32.

    It has a masked-language-model head; ELECTRA's discriminators keep their own, and a generator beside them.

    Raises:
        InputNotFoundError: The name is no folder and cannot be had from the Hub.
        DataFormatError: There are no safetensors weights or no tokenizer.
        ModelMismatchError: Tokenizer and embedding disagree.
    """
    folder = model_folder(config.model, run.study_folder)
    tokenizer = load_tokenizer(folder, config.model)
    model = load_as_it_is(folder, config.model, run.seed)
    for part in parts_of(model):
        check_vocabulary(part, tokenizer, config.model)
    with tempfile.TemporaryDirectory(dir=run.scratch) as temporary:
        save_model(model, tokenizer, Path(temporary))
        files = run.upload_folder(Path(temporary), "model")
    return run.publish("model", config, files, metrics={"parameters": parts_of(model)[0].num_parameters()})


MACHINE_SETTINGS = ("name_or_path", "_name_or_path", "is_local", "local_files_only")
"""Fields that transformers writes about where it ran."""


def save_model(model: Trainee, tokenizer: Any, folder: Path) -> None:
    """Write `config.json`, `model.safetensors` in one file and the tokenizer, free of any trace of this machine.

    A discriminator's generator is written likewise, into the subfolder `generator`.
    transformers would note paths, and whether it was offline: then pods and laptops would write different bytes.
    """
    transformers_logging.disable_progress_bar()
    for part, place in zip(parts_of(model), (folder, folder / GENERATOR), strict=False):
        part.save_pretrained(place, max_shard_size="1TB")
        tokenizer.save_pretrained(place)
        for file in (place / "tokenizer_config.json", place / "config.json"):
            settings = json.loads(file.read_text(encoding="utf-8"))
            settings = {key: value for key, value in settings.items() if key not in MACHINE_SETTINGS}
            file.write_text(json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
