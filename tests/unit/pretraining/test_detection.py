"""The stage `pretrain` on replaced-token detection: what it learns, writes, refuses, and resumes to the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.metrics import roc_auc_score
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForTokenClassification,
    BertConfig,
    BertForMaskedLM,
    ElectraForPreTraining,
)

from gmlm.config import (
    BaseModelConfig,
    CheckpointConfig,
    GeneratorConfig,
    ModelConfig,
    PhaseConfig,
    VocabularyConfig,
)
from gmlm.errors import InterruptedRunError, ModelMismatchError
from gmlm.finetuning.objective import load_encoder as load_for_finetuning
from gmlm.manifest import Manifest
from gmlm.pretraining.base_model import import_model
from gmlm.pretraining.batches import BatchSettings, MaskedBatches
from gmlm.pretraining.electra import ElectraPair, load_as_it_is
from gmlm.pretraining.kept_steps import publish_checkpoint
from gmlm.pretraining.masking import Vocabulary
from gmlm.pretraining.pretrain import pretrain
from gmlm.pretraining.replaced_tokens import detect
from gmlm.pretraining.vocabulary import extend_vocabulary
from gmlm.stage import StageRun
from tests.unit.pretraining.conftest import corpus_of
from tests.unit.pretraining.test_pretrain import OPTIMISATION, from_scratch, inputs, phase, training_report

MakeRun = Callable[..., StageRun]
__all__ = ["inputs"]  # the fixture


def detector(*phases: PhaseConfig, **settings: Any) -> ModelConfig:
    """An ELECTRA from scratch, with a generator of half its size."""
    plain = from_scratch(*phases, model_type="electra", embedding_size=16, **settings).model_dump()
    objective = {"objective": "replaced_token_detection", "generator": GeneratorConfig(size=0.5)}
    return ModelConfig.model_validate({**plain, **objective})


def continued(*phases: PhaseConfig, **changes: Any) -> ModelConfig:
    return ModelConfig(base="base", objective="replaced_token_detection", phases=phases, **changes)


def sums(manifest: Manifest, folder: str) -> dict[str, str]:
    files = (entry for entry in manifest.files if entry.path.startswith(folder))
    return {entry.path: entry.sha256 for entry in files if not entry.path.endswith("README.md")}


def test_the_discriminator_learns_to_tell_replaced_tokens(
    make_run: MakeRun, make_tokens: Callable[..., Manifest], tokenizer_input: Manifest, vocabulary: Vocabulary
) -> None:
    """Each document repeats one token of thirty, so a replaced one disagrees with its neighbours."""
    documents = [[5 + 7 * d % 30] * (8 + d % 20) for d in range(80)]
    tokens = make_tokens(documents[:60], documents[60:])
    run = make_run("pretrain", inputs={"tokenizer": tokenizer_input, "tokens:0": tokens})
    manifest = pretrain(detector(phase(steps=200), initializer_range=0.2), run)
    first, last = (training_report(run)[0]["holdout"][place] for place in (0, -1))
    assert last["terms"]["generator_loss"] < first["terms"]["generator_loss"]
    assert last["loss"] == pytest.approx(last["terms"]["generator_loss"] + 50 * last["terms"]["discriminator_loss"])
    assert last["terms"]["discriminator_accuracy"] > 1 - last["terms"]["replaced_share"], "more than the majority"
    assert manifest.metrics["holdout_loss"] == last["loss"]
    assert "perplexity" not in last

    pair = load_as_it_is(run.local_folder(manifest, "model"), "x", 0)
    assert isinstance(pair, ElectraPair)
    settings = BatchSettings(32, 256, 256, True, 0.15, "token", 5, detects=True)
    with torch.no_grad():
        found = detect(pair.eval(), *MaskedBatches(corpus_of(documents[60:]), vocabulary, settings)(0))
    assert roc_auc_score(found.replaced, found.logits) > 0.8


def test_the_model_is_a_discriminator_with_its_generator_beside_it(
    make_run: MakeRun, inputs: dict[str, Manifest]
) -> None:
    run = make_run("pretrain", "clinical", inputs=inputs)
    manifest = pretrain(detector(phase(steps=2)), run)
    folder = run.local_folder(manifest, "model")
    discriminator, loading = ElectraForPreTraining.from_pretrained(folder, output_loading_info=True)
    generator, also = AutoModelForMaskedLM.from_pretrained(folder / "generator", output_loading_info=True)
    assert not loading["missing_keys"] | loading["unexpected_keys"] | also["missing_keys"]
    assert generator.config.hidden_size == discriminator.config.hidden_size // 2
    assert torch.equal(generator.get_input_embeddings().weight, discriminator.get_input_embeddings().weight)
    assert manifest.metrics["parameters"] == AutoModel.from_pretrained(folder).num_parameters() + 32 * 33 + 33
    card = run.store.read(run.key("model/README.md")).decode()
    assert "replaced-token detection" in card
    assert "fill-mask" not in card


def test_fine_tuning_starts_from_the_discriminators_encoder(make_run: MakeRun, inputs: dict[str, Manifest]) -> None:
    run = make_run("pretrain", inputs=inputs)
    folder = run.local_folder(pretrain(detector(phase(steps=2)), run), "model")
    with_head: Any = load_for_finetuning(folder, "x").with_head(AutoModelForTokenClassification, num_labels=3)
    for name, weight in AutoModel.from_pretrained(folder).named_parameters():
        assert torch.equal(with_head.electra.get_parameter(name), weight), name


@pytest.mark.parametrize("engine", ["torch", "deepspeed"])
def test_after_sigterm_discriminator_and_generator_end_with_the_same_bytes(
    engine: str,
    make_run: MakeRun,
    inputs: dict[str, Manifest],
    monkeypatch: pytest.MonkeyPatch,
    stop_after: Callable[..., None],
) -> None:
    optimisation = OPTIMISATION.model_copy(update={"engine": engine, "zero_stage": 2, "evaluate_every": 3})
    config = detector(phase(steps=8, micro_batch_tokens=64, optimisation=optimisation))
    straight = pretrain(config, make_run("pretrain", "straight", inputs=inputs))
    run = make_run("pretrain", "stopped", inputs=inputs)
    with monkeypatch.context() as patch:
        stop_after(4 * 4 + 2, "replaced_token_loss", patch)
        with pytest.raises(InterruptedRunError, match="step 5 of 8"):
            pretrain(config, run)
    resumed = pretrain(config, run)
    assert {"model/model.safetensors", "model/generator/model.safetensors"} <= set(sums(resumed, "model/"))
    assert sums(resumed, "model/") == sums(straight, "model/")
    assert sums(resumed, "training.json") == sums(straight, "training.json")


def test_a_later_model_goes_on_with_both(make_run: MakeRun, inputs: dict[str, Manifest]) -> None:
    run = make_run("pretrain", "base", inputs=inputs)
    base = pretrain(detector(phase(steps=20)).model_copy(update={"kept_steps": (5,)}), run)
    before = training_report(run)[0]["holdout"][-1]
    further = make_run("pretrain", "continued", inputs={"base": base, "tokens:0": inputs["tokens:0"]})
    pretrain(continued(phase(steps=1)), further)
    assert training_report(further)[0]["holdout"][0] == {**before, "step": 0}

    early = publish_checkpoint(CheckpointConfig(step=5), make_run("checkpoint", "early", inputs={"model": base}))
    assert sums(early, "model/generator/").keys() == sums(base, "model/generator/").keys()


def test_a_named_generator_is_taken_instead(make_run: MakeRun, inputs: dict[str, Manifest]) -> None:
    base = pretrain(detector(phase(steps=1)), make_run("pretrain", "base", inputs=inputs))
    masked = from_scratch(phase(steps=30), model_type="electra", embedding_size=16)
    named = pretrain(masked, make_run("pretrain", "generator", inputs=inputs))
    roles = {"base": base, "generator": named, "tokens:0": inputs["tokens:0"]}
    run = make_run("pretrain", "continued", inputs=roles)
    pretrain(continued(phase(steps=1), generator=GeneratorConfig(base="generator", share_embeddings=False)), run)
    loss = training_report(run)[0]["holdout"][0]["terms"]["generator_loss"]
    assert loss == pytest.approx(named.metrics["holdout_loss"], rel=1e-5)


def test_an_imported_discriminator_keeps_head_and_generator(
    make_run: MakeRun, inputs: dict[str, Manifest], tmp_path: Path
) -> None:
    run = make_run("pretrain", inputs=inputs)
    made = pretrain(detector(phase(steps=1)), run)
    shutil.copytree(run.local_folder(made, "model"), tmp_path / "models" / "electra")
    imported = import_model(BaseModelConfig(model="models/electra"), make_run("base-model"))
    for path in ("model/model.safetensors", "model/generator/model.safetensors"):
        assert sums(imported, path) == sums(made, path)


def test_new_words_enter_both_vocabularies(make_run: MakeRun, inputs: dict[str, Manifest]) -> None:
    base = pretrain(detector(phase(steps=1)), make_run("pretrain", "base", inputs=inputs))
    run = make_run("vocabulary", inputs={"base": base})
    made = extend_vocabulary(VocabularyConfig(words=("w1c1",)), run)
    extended = load_as_it_is(run.local_folder(made, "model"), "x", 0)
    assert isinstance(extended, ElectraPair)
    assert extended.discriminator.config.vocab_size == extended.generator.config.vocab_size == 101


def test_other_architectures_and_vocabularies_are_refused_before_training(
    make_run: MakeRun, inputs: dict[str, Manifest], tmp_path: Path, tokenizer: Any
) -> None:
    bert = tmp_path / "models" / "bert"
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertForMaskedLM(BertConfig(vocab_size=101, **small)).save_pretrained(bert)
    tokenizer.add_tokens(["new"])
    tokenizer.save_pretrained(bert)
    other = import_model(BaseModelConfig(model="models/bert"), make_run("base-model"))
    base = pretrain(detector(phase(steps=1)), make_run("pretrain", "base", inputs=inputs))
    tokens = {"tokens:0": inputs["tokens:0"]}
    with pytest.raises(ModelMismatchError, match="trains ELECTRA, not 'bert'"):
        pretrain(continued(phase()), make_run("pretrain", "a", inputs={"base": other, **tokens}))
    named = continued(phase(), generator=GeneratorConfig(base="models/bert"))
    with pytest.raises(ModelMismatchError, match="trains ELECTRA, not 'bert'"):
        pretrain(named, make_run("pretrain", "b", inputs={"base": base, "generator": other, **tokens}))

    words = VocabularyConfig(words=("w1c1",))
    wider = extend_vocabulary(words, make_run("vocabulary", inputs={"base": base}))
    with pytest.raises(ModelMismatchError, match="different vocabularies"):
        pretrain(named, make_run("pretrain", "c", inputs={"base": base, "generator": wider, **tokens}))
