"""The stage `pretrain`: phase after phase of masked language modelling, or of replaced-token detection."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gmlm.config import ModelConfig
from gmlm.manifest import FileEntry, Manifest, read_manifest
from gmlm.pretraining.base_model import save_model
from gmlm.pretraining.card import model_card
from gmlm.pretraining.electra import Trainee, parts_of
from gmlm.pretraining.kept_steps import checkpoints_of, upload_kept_steps
from gmlm.pretraining.masking import vocabulary_of
from gmlm.pretraining.phase import PhaseResult, run_phase
from gmlm.pretraining.starting_point import starting_point
from gmlm.stage import StageRun
from gmlm.training.distributed import join_world


def pretrain(config: ModelConfig, run: StageRun) -> Manifest:
    """Start from the input `base`, or from random weights for the input `tokenizer`, and train on `tokens:N` per phase.

    Interrupted, it goes on within the phase, at another ZeRO stage or world size too; a finished phase is restored from
    its last checkpoint. Checkpoints lie in the store until the model is published. Under torchrun all ranks train and
    rank 0 publishes.

    Raises:
        ModelMismatchError: Model, tokenizer and corpus do not belong together.
    """
    world = join_world()
    model, tokenizer = starting_point(config, run)
    model.to(world.device)  # The first held-out loss is taken before training starts.
    vocabulary = vocabulary_of(tokenizer, run.name)
    results = [
        run_phase(
            model,
            vocabulary,
            phase,
            run.inputs[f"tokens:{index}"],
            store=run.store,
            seed=_phase_seed(run.seed, index),
            fingerprint=f"{run.progress or run.fingerprint}/{index}",
            checkpoints=checkpoints_of(run, index),
            name=run.name,
            number=index + 1,
            kept_steps=config.kept_steps if index + 1 == len(config.phases) else (),
        )
        for index, phase in enumerate(config.phases)
    ]
    kept = upload_kept_steps(config, run, model, tokenizer)
    if world.is_main:
        _publish(config, run, model, tokenizer, results, kept)
        for key in list(run.store.list(run.progress_prefix)):
            run.store.delete(key)
    world.barrier()
    return read_manifest(run.store, run.prefix)


def _publish(
    config: ModelConfig,
    run: StageRun,
    model: Trainee,
    tokenizer: Any,
    results: Sequence[PhaseResult],
    kept: Sequence[FileEntry],
) -> None:
    phases = [result.report for result in results]
    with tempfile.TemporaryDirectory(dir=run.scratch) as temporary:
        save_model(model, tokenizer, Path(temporary))
        (Path(temporary) / "README.md").write_text(model_card(run.name, config, phases), encoding="utf-8")
        files = run.upload_folder(Path(temporary), "model")
    text = json.dumps({"phases": phases}, indent=2, sort_keys=True) + "\n"
    files += kept
    files.append(run.write("training.json", text.encode()))
    documents = sum(result.documents for result in results)
    empty = sum(result.empty_documents for result in results)
    run.publish(
        "model",
        config,
        files,
        counters={"in": documents, "out": documents - empty, "rejected": 0, "dropped": empty},
        metrics=_metrics(model, results),
    )


def _metrics(model: Trainee, results: Sequence[PhaseResult]) -> dict[str, float]:
    metrics = {
        "parameters": float(parts_of(model)[0].num_parameters()),
        "tokens_seen": float(sum(result.tokens_seen for result in results)),
    }
    if results and (holdout := results[-1].report["holdout"]):
        metrics["holdout_loss"] = holdout[-1]["loss"]
    return metrics


def _phase_seed(seed: int, index: int) -> int:
    """A seed of its own for each phase: order, masking and dropout of two phases on one corpus must differ."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{index}".encode()).digest()[:4], "big")
