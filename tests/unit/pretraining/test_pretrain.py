"""The stage `pretrain`: learns, publishes what AutoModel loads, and resumes to the same bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, PreTrainedModel

from gmlm.config import ArchitectureConfig, ModelConfig, OptimisationConfig, PhaseConfig
from gmlm.errors import ConfigError, EmptyCorpusError, InterruptedRunError, ModelMismatchError
from gmlm.manifest import Manifest, find_manifest
from gmlm.pretraining import pretrain as stage
from gmlm.pretraining.pretrain import pretrain
from gmlm.stage import StageRun

MakeRun = Callable[..., StageRun]
MakeTokens = Callable[..., Manifest]

SETTINGS: Mapping[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
OPTIMISATION = OptimisationConfig(learning_rate=5e-3, warmup_ratio=0.1, log_every=5)


def counting(count: int, start: int = 0) -> list[list[int]]:
    """Documents that count in a circle of eight tokens."""
    return [[5 + (start + 7 * d + i) % 8 for i in range(8 + d % 20)] for d in range(count)]


def phase(**changes: Any) -> PhaseConfig:
    plain = {"corpus": "c", "steps": 10, "sequence_length": 32, "batch_tokens": 256, "optimisation": OPTIMISATION}
    return PhaseConfig(**{**plain, **changes})


def from_scratch(*phases: PhaseConfig, model_type: str = "bert", **settings: Any) -> ModelConfig:
    architecture = ArchitectureConfig(model_type=model_type, tokenizer="t", settings={**SETTINGS, **settings})
    return ModelConfig(architecture=architecture, phases=phases)


@pytest.fixture
def inputs(make_tokens: MakeTokens, tokenizer_input: Manifest) -> dict[str, Manifest]:
    return {"tokenizer": tokenizer_input, "tokens:0": make_tokens(counting(60), counting(20, start=3))}


def training_report(run: StageRun) -> list[dict[str, Any]]:
    return list(json.loads(run.store.read(run.key("training.json")))["phases"])


def test_the_model_learns_its_corpus(make_run: MakeRun, inputs: dict[str, Manifest]) -> None:
    run = make_run("pretrain", inputs=inputs)
    manifest = pretrain(from_scratch(phase(steps=60)), run)
    (report,) = training_report(run)
    assert report["holdout"][0]["step"] == 0
    assert report["holdout"][-1]["loss"] < 0.6 * report["holdout"][0]["loss"]
    assert manifest.metrics["holdout_loss"] == report["holdout"][-1]["loss"]
    assert [point["step"] for point in report["curve"]] == list(range(5, 61, 5))


@pytest.mark.parametrize("model_type", ["bert", "roberta", "electra", "modernbert", "eurobert", "deberta-v2"])
def test_every_architecture_trains_and_loads_again(
    model_type: str, make_run: MakeRun, inputs: dict[str, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[PreTrainedModel] = []
    save = stage.save_model
    monkeypatch.setattr(stage, "save_model", lambda model, *rest: (trained.append(model), save(model, *rest)))
    run = make_run("pretrain", inputs=inputs)
    manifest = pretrain(from_scratch(phase(steps=2), model_type=model_type), run)

    folder = run.local_folder(manifest, "model")
    model = AutoModelForMaskedLM.from_pretrained(folder)
    ids = AutoTokenizer.from_pretrained(folder)("w1 w2 [MASK]", return_tensors="pt").input_ids
    with torch.no_grad():
        logits = model(ids).logits
        assert torch.equal(logits, trained[0].eval()(ids).logits)
    assert torch.isfinite(logits).all()
    assert logits.shape == (1, 5, 100)
    assert {entry.path for entry in manifest.files} >= {"model/README.md", "model/model.safetensors", "training.json"}


@pytest.mark.parametrize("engine", ["torch", "deepspeed"])
def test_after_sigterm_in_the_second_phase_the_result_is_the_same_bytes(
    engine: str,
    make_run: MakeRun,
    inputs: dict[str, Manifest],
    monkeypatch: pytest.MonkeyPatch,
    stop_after: Callable[..., None],
) -> None:
    inputs = {**inputs, "tokens:1": inputs["tokens:0"]}
    optimisation = OPTIMISATION.model_copy(update={"engine": engine, "zero_stage": 2, "evaluate_every": 3})
    config = from_scratch(phase(steps=4, optimisation=optimisation), phase(steps=8, optimisation=optimisation))
    straight = pretrain(config, make_run("pretrain", "straight", inputs=inputs))

    run = make_run("pretrain", "stopped", inputs=inputs)
    with monkeypatch.context() as patch:
        stop_after(4 + 5, "masked_lm_loss", patch)
        with pytest.raises(InterruptedRunError, match="step 5 of 8"):
            pretrain(config, run)
    assert find_manifest(run.store, run.prefix) is None
    resumed = pretrain(config, run)
    checksums = [{entry.path: entry.sha256 for entry in made.files} for made in (straight, resumed)]
    for path in ("model/model.safetensors", "training.json"):
        assert checksums[0][path] == checksums[1][path], path


def test_it_goes_on_at_another_zero_stage_and_leaves_no_checkpoint(
    make_run: MakeRun, inputs: dict[str, Manifest], monkeypatch: pytest.MonkeyPatch, stop_after: Callable[..., None]
) -> None:
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    first, second = (
        from_scratch(phase(steps=6, optimisation=OPTIMISATION.model_copy(update=change)), **still)
        for change in ({"engine": "deepspeed", "zero_stage": 3}, {"engine": "deepspeed", "zero_stage": 1})
    )
    straight = make_run("pretrain", "straight", inputs=inputs)
    pretrain(second, straight)
    run, later = (replace(make_run("pretrain", inputs=inputs, fingerprint=f * 64), progress="p" * 64) for f in "fg")
    with monkeypatch.context() as patch:
        stop_after(4, "masked_lm_loss", patch)
        with pytest.raises(InterruptedRunError, match="step 4 of 6"):
            pretrain(first, run)
    assert list(run.store.list(run.progress_prefix))
    stop_after(9, "masked_lm_loss", monkeypatch)  # Had it begun anew, it would be stopped.
    pretrain(second, later)
    losses = [[point["loss"] for point in training_report(made)[0]["curve"]] for made in (straight, later)]
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)
    assert list(run.store.list(run.progress_prefix)) == []


def test_a_model_continues_from_its_base(make_run: MakeRun, inputs: dict[str, Manifest]) -> None:
    base = pretrain(from_scratch(phase(steps=40)), make_run("pretrain", "base", inputs=inputs))
    run = make_run("pretrain", "continued", inputs={"base": base, "tokens:0": inputs["tokens:0"]})
    pretrain(ModelConfig(base="base", phases=(phase(steps=2),)), run)
    assert training_report(run)[0]["holdout"][0]["loss"] == base.metrics["holdout_loss"]


def test_the_card_tells_origin_phases_and_held_out_figures(make_run: MakeRun, inputs: dict[str, Manifest]) -> None:
    run = make_run("pretrain", "clinical", inputs=inputs)
    manifest = pretrain(from_scratch(phase(steps=3)), run)
    card = run.store.read(run.key("model/README.md")).decode()
    assert card.startswith("---\nlanguage: de\n")
    assert "# clinical" in card
    assert "random weights (bert)" in card
    assert (
        f"| 1 | c | 3 | {training_report(run)[0]['tokens_per_step']} | {manifest.metrics['holdout_loss']:.4f} |" in card
    )


def test_a_model_without_phases_is_its_base(make_run: MakeRun, inputs: dict[str, Manifest]) -> None:
    base = pretrain(from_scratch(phase(steps=2)), make_run("pretrain", "base", inputs=inputs))
    run = make_run("pretrain", "same", inputs={"base": base})
    same = pretrain(ModelConfig(base="base"), run)
    weights = [next(e.sha256 for e in m.files if e.path == "model/model.safetensors") for m in (base, same)]
    assert weights[0] == weights[1]
    assert training_report(run) == []


def test_held_out_loss_does_not_depend_on_how_the_phase_masks(make_run: MakeRun, inputs: dict[str, Manifest]) -> None:
    before = []
    for name, changes in (("a", {"mask_rate": 0.15}), ("b", {"mask_rate": 0.4, "masking": "whole_word"})):
        run = make_run("pretrain", name, inputs=inputs)
        pretrain(from_scratch(phase(steps=1, **changes)), run)
        before.append(training_report(run)[0]["holdout"][0])
    assert before[0] == before[1]
    assert before[0]["perplexity"] == pytest.approx(math.exp(before[0]["loss"]))


def test_without_held_out_documents_there_are_no_held_out_figures(
    make_run: MakeRun, make_tokens: MakeTokens, tokenizer_input: Manifest
) -> None:
    run = make_run("pretrain", inputs={"tokenizer": tokenizer_input, "tokens:0": make_tokens(counting(5))})
    manifest = pretrain(from_scratch(phase(steps=1)), run)
    assert training_report(run)[0]["holdout"] == []
    assert "holdout_loss" not in manifest.metrics


def test_documents_and_tokens_are_accounted_for(
    make_run: MakeRun, make_tokens: MakeTokens, tokenizer_input: Manifest
) -> None:
    tokens = make_tokens([[5] * 10, [], [6] * 40])
    run = make_run("pretrain", inputs={"tokenizer": tokenizer_input, "tokens:0": tokens})
    manifest = pretrain(from_scratch(phase(steps=None, epochs=3, batch_tokens=96)), run)
    assert manifest.counters == {"in": 3, "out": 2, "rejected": 0, "dropped": 1}
    assert manifest.metrics["tokens_seen"] == 3 * (10 + 40 + 3 * 2)  # The long document is two segments.


def test_a_corpus_of_another_vocabulary_is_refused(
    make_run: MakeRun, make_tokens: MakeTokens, tokenizer_input: Manifest
) -> None:
    inputs = {"tokenizer": tokenizer_input, "tokens:0": make_tokens([[5, 100]])}
    with pytest.raises(ModelMismatchError, match="token 100"):
        pretrain(from_scratch(phase()), make_run("pretrain", inputs=inputs))


def test_a_corpus_without_tokens_is_refused(
    make_run: MakeRun, make_tokens: MakeTokens, tokenizer_input: Manifest
) -> None:
    inputs = {"tokenizer": tokenizer_input, "tokens:0": make_tokens([[]])}
    with pytest.raises(EmptyCorpusError):
        pretrain(from_scratch(phase()), make_run("pretrain", inputs=inputs))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hiden_size": 32}, "did you mean 'hidden_size'"),
        ({"hidden_size": 33}, "multiple"),
        ({"max_position_embeddings": 16}, "rows of 32 tokens, but the model has 16 positions"),
    ],
)
def test_an_impossible_architecture_is_explained(
    settings: dict[str, int], message: str, make_run: MakeRun, inputs: dict[str, Manifest]
) -> None:
    with pytest.raises(ConfigError, match=message):
        pretrain(from_scratch(phase(), **settings), make_run("pretrain", inputs=inputs))
