"""Runs the stage `pretrain` on every rank: `ranks.py STORE SCRATCH NAME ENGINE OBJECTIVE`, under torchrun."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from gmlm.config import ArchitectureConfig, ModelConfig, OptimisationConfig, PhaseConfig
from gmlm.manifest import read_manifest
from gmlm.pretraining.pretrain import pretrain
from gmlm.stage import StageRun
from gmlm.storage.local import LocalStore

if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, scratch, name, engine, objective = sys.argv[1:]
    store = LocalStore(Path(folder))
    fingerprint = "f" * 64
    run = StageRun(
        stage="pretrain",
        name=name,
        store=store,
        prefix=f"pretrain/{name}/{fingerprint[:12]}",
        scratch=Path(scratch),
        fingerprint=fingerprint,
        seed=13,
        study_folder=Path(folder),
        inputs={
            "tokenizer": read_manifest(store, f"tokenizer/t/{fingerprint[:12]}"),
            "tokens:0": read_manifest(store, f"tokens/c/{fingerprint[:12]}"),
        },
    )
    settings = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    optimisation = OptimisationConfig(learning_rate=5e-3, log_every=1, engine=engine, zero_stage=3)
    phase = PhaseConfig(
        corpus="c",
        steps=6,
        sequence_length=32,
        batch_tokens=256,
        micro_batch_tokens=64,
        optimisation=optimisation,
    )
    model_type = "electra" if objective == "replaced_token_detection" else "bert"
    architecture = ArchitectureConfig(model_type=model_type, tokenizer="t", settings=settings)
    pretrain(ModelConfig(architecture=architecture, objective=objective, phases=(phase,)), run)
