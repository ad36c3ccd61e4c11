"""The stage `translator`: a translation model, trained from scratch or taken from the Hub or a folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from transformers import AutoConfig

from gmlm.config import EndpointConfig, TranslatorConfig, TranslatorTraining
from gmlm.config.paths import resolve_path
from gmlm.errors import EmptyCorpusError, ModelMismatchError
from gmlm.manifest import Manifest
from gmlm.shards import Quarantine
from gmlm.stage import StageRun
from gmlm.training.model_source import model_files, model_folder
from gmlm.translation.engines.engine import ENDPOINT_FILE, MODEL_FOLDER
from gmlm.translation.engines.shortlist import SHORTLIST_FILE
from gmlm.translation.licences import check_licence
from gmlm.translation.marian import train_marian, training_json
from gmlm.translation.parallel import Pair, read_pairs, read_training_pairs
from gmlm.translation.shortlist import write_shortlist


def build_translator(config: TranslatorConfig, run: StageRun) -> Manifest:
    """Publish a Hugging Face sequence-to-sequence folder under `model/`; a trained one with `training.json`.

    For a service, `model/endpoint.json` says which.

    Raises:
        InputNotFoundError: The parallel text or the model does not exist.
        EmptyCorpusError: No pair of the parallel text can be trained on.
        ConfigError: Its licence forbids commercial use, and the study does not say that there is none.
        ModelMismatchError: The model is no sequence-to-sequence model with safetensors weights.
    """
    if config.train is not None:
        return _train(config, config.train, run)
    if config.endpoint is not None:
        return _describe(config, config.endpoint, run)
    return _copy(config, str(config.model), run)


def _describe(config: TranslatorConfig, endpoint: EndpointConfig, run: StageRun) -> Manifest:
    check_licence(endpoint.model, None, non_commercial=config.non_commercial)
    file = run.write(f"{MODEL_FOLDER}/{ENDPOINT_FILE}", endpoint.model_dump_json(indent=2).encode() + b"\n")
    return run.publish("model", config, [file], counters={"in": 1, "out": 1, "rejected": 0})


def _train(config: TranslatorConfig, training: TranslatorTraining, run: StageRun) -> Manifest:
    quarantine = Quarantine(run)
    path = resolve_path(training.parallel, run.study_folder)
    pairs = list(read_training_pairs(path, quarantine))
    if not pairs:
        raise EmptyCorpusError("no pair to train on", where=path.name, fix="give lines with the keys 'en' and 'de'")
    trained = train_marian(
        pairs, training, scratch=run.scratch, seed=run.seed, fingerprint=run.fingerprint, name=run.name
    )
    shortlist = _shortlist(config, trained.folder, run, pairs)
    files = run.upload_folder(trained.folder, MODEL_FOLDER)
    files += [run.write("training.json", training_json(trained.record)), *quarantine.write()]
    counters = {
        "in": len(pairs) + quarantine.total,
        "out": trained.used,
        **quarantine.counters(),
        "dropped": trained.too_long,
        "parameters": trained.record["parameters"],
        **shortlist,
    }
    metrics = {"training_loss": trained.record["curve"][-1]["loss"]}
    return run.publish("model", config, files, counters=counters, metrics=metrics)


def _copy(config: TranslatorConfig, model: str, run: StageRun) -> Manifest:
    folder, copy = model_folder(model, run.study_folder), run.scratch / MODEL_FOLDER
    _require_safetensors(model, folder)
    check_licence(model, folder, non_commercial=config.non_commercial)
    copy.mkdir(parents=True, exist_ok=True)
    for file in model_files(folder):
        shutil.copyfile(file, copy / file.name)
    _check_architecture(model, copy)
    shortlist = _shortlist(config, copy, run, [])
    files = run.upload_folder(copy, MODEL_FOLDER)
    return run.publish("model", config, files, counters={"in": 1, "out": 1, "rejected": 0, **shortlist})


def _shortlist(config: TranslatorConfig, folder: Path, run: StageRun, pairs: Sequence[Pair]) -> dict[str, int]:
    """Write the shortlist into the model's folder, where it is asked for, and tell its source tokens.

    It is learnt from its own parallel text, or from the pairs that the model is trained on.
    """
    if config.shortlist is None:
        (folder / SHORTLIST_FILE).unlink(missing_ok=True)
        return {}
    if config.shortlist.parallel is not None:
        pairs = read_pairs(resolve_path(config.shortlist.parallel, run.study_folder))
    return {"shortlist tokens": write_shortlist(folder, pairs, config.shortlist)}


def _require_safetensors(model: str, folder: Path) -> None:
    if not any(folder.glob("*.safetensors")):
        raise ModelMismatchError(
            "no safetensors weights",
            where=model,
            fix="load the model once with transformers, save it by save_pretrained(), and name that folder",
        )


def _check_architecture(model: str, copy: Path) -> None:
    """Refuse an encoder or a decoder-only model here, rather than hours later when it is to translate."""
    try:
        translates = bool(AutoConfig.from_pretrained(copy).is_encoder_decoder)
    except (OSError, ValueError):
        translates = False
    if not translates:
        raise ModelMismatchError(
            "no sequence-to-sequence model that transformers knows",
            where=model,
            fix="name a translation model such as Helsinki-NLP/opus-mt-tc-big-en-de",
        )
