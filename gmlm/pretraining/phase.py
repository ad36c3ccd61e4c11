"""One phase of pre-training: its data, its training, its held-out evaluation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gmlm.config import PhaseConfig
from gmlm.errors import ConfigError, EmptyCorpusError, ModelMismatchError
from gmlm.manifest import Manifest
from gmlm.pretraining.batches import BatchSettings, MaskedBatches
from gmlm.pretraining.detection_holdout import DetectionEvaluation
from gmlm.pretraining.electra import ElectraPair, Trainee, parts_of
from gmlm.pretraining.holdout import HISTORY, HoldoutEvaluation
from gmlm.pretraining.masking import Vocabulary
from gmlm.pretraining.models import check_length
from gmlm.pretraining.objective import masked_lm_loss
from gmlm.pretraining.replaced_tokens import replaced_token_loss, terms_of
from gmlm.pretraining.tokens import TokenCorpus, read_tokens
from gmlm.shards import CHARACTERS_PER_TOKEN
from gmlm.storage import Store
from gmlm.training import TrainingMetrics, TrainingResult, train
from gmlm.training.checkpoint_place import CheckpointPlace
from gmlm.training.distributed import join_world
from gmlm.training.divergence import HISTORY as ROLLBACKS
from gmlm.training.encoders import packable


@dataclass(frozen=True)
class PhaseResult:
    """What a phase leaves beside the trained model: its part of `training.json`, and its counts."""

    report: dict[str, Any]
    tokens_seen: int
    documents: int
    empty_documents: int


def run_phase(
    model: Trainee,
    vocabulary: Vocabulary,
    phase: PhaseConfig,
    tokens: Manifest,
    *,
    store: Store,
    seed: int,
    fingerprint: str,
    checkpoints: CheckpointPlace,
    name: str,
    number: int = 1,
    kept_steps: tuple[int, ...] = (),
) -> PhaseResult:
    """Train the model in place on one corpus, going on where a checkpoint stands.

    Raises:
        ConfigError: A step is to be kept that the phase does not have.
        EmptyCorpusError: There is nothing to train on.
        ModelMismatchError: The corpus was tokenised with another vocabulary.
    """
    _check_lengths(model, phase, name)
    corpus, held_out = _read(store, tokens, vocabulary)
    settings = _batch_settings(phase, model, seed)
    batches = MaskedBatches(corpus, vocabulary, settings)
    steps = phase.steps or batches.steps_of(phase.epochs or 1)
    _check_kept(kept_steps, steps, name)
    batches.schedule_mask_rate(phase.final_mask_rate or phase.mask_rate, steps)
    seen = batches.tokens_seen(steps)
    metrics = TrainingMetrics("pretrain", seen / steps, model=name, phase=str(number))
    evaluations = _evaluations(held_out, vocabulary, settings, phase, metrics, tokens)
    before = [each.evaluate(model, 0) for each in evaluations]
    result = train(
        model,
        **_objective_of(model),
        batches=batches,
        steps=steps,
        optimisation=phase.optimisation,
        seed=seed,
        fingerprint=fingerprint,
        checkpoints=checkpoints,
        kept_steps=kept_steps,
        hooks=[metrics, *evaluations],
        description=f"Pretrain {name} on {phase.corpus}",
    )
    if phase.optimisation.average_last > 1:  # the averaged weights are others than those of the last step
        for each in evaluations:
            result.history[HISTORY].append(each.evaluate(model, steps))
    report = _report(phase, result, before, round(seen / steps))
    return PhaseResult(report, seen, corpus.documents, corpus.empty_documents)


def _objective_of(model: Trainee) -> dict[str, Any]:
    """The loss that trains the model, as `train` takes it."""
    if isinstance(model, ElectraPair):
        return {"loss": replaced_token_loss, "terms": terms_of(model)}
    return {"loss": masked_lm_loss}


def _check_lengths(model: Trainee, phase: PhaseConfig, name: str) -> None:
    for part in parts_of(model):
        check_length(part, phase.sequence_length, f"models.{name}")


def _check_kept(kept: tuple[int, ...], steps: int, name: str) -> None:
    if kept and max(kept) >= steps:
        what, fix = f"step {max(kept)} cannot be kept of a phase of {steps} steps", "choose steps before its last one"
        raise ConfigError(what, where=f"models.{name}", fix=fix)


def _evaluations(
    held_out: TokenCorpus,
    vocabulary: Vocabulary,
    settings: BatchSettings,
    phase: PhaseConfig,
    metrics: TrainingMetrics,
    tokens: Manifest,
) -> list[HoldoutEvaluation]:
    """The evaluation on held-out documents, if there are any."""
    if held_out.documents == held_out.empty_documents:
        return []
    kind = DetectionEvaluation if settings.detects else HoldoutEvaluation
    evaluation = kind(
        held_out,
        vocabulary,
        settings,
        every=phase.optimisation.evaluate_every,
        observe=metrics.observe_held_out,
        characters_per_token=tokens.metrics.get(CHARACTERS_PER_TOKEN),
        by_source={
            name.removeprefix(f"{CHARACTERS_PER_TOKEN}: "): value
            for name, value in tokens.metrics.items()
            if name.startswith(f"{CHARACTERS_PER_TOKEN}: ")
        },
    )
    return [evaluation]


def _report(
    phase: PhaseConfig, result: TrainingResult, before: list[dict[str, Any]], tokens_per_step: int
) -> dict[str, Any]:
    """The phase's part of `training.json`: `before` is the held-out evaluation ahead of the first step."""
    return {
        "corpus": phase.corpus,
        "steps": result.steps,
        "curve": [asdict(point) for point in result.curve],
        "holdout": before + result.history.get(HISTORY, []),
        "tokens_per_step": tokens_per_step,
        **({ROLLBACKS: result.history[ROLLBACKS]} if ROLLBACKS in result.history else {}),
    }


def _read(store: Store, tokens: Manifest, vocabulary: Vocabulary) -> tuple[TokenCorpus, TokenCorpus]:
    """The training and the held-out documents."""
    corpus, held_out = read_tokens(store, tokens, "train"), read_tokens(store, tokens, "holdout", by_source=True)
    for part in (corpus, held_out):
        _check_ids(part, vocabulary, tokens.prefix)
    if corpus.documents == corpus.empty_documents:
        raise EmptyCorpusError("no tokens to train on", where=tokens.prefix, fix="check the recipe of the corpus")
    return corpus, held_out


def _batch_settings(phase: PhaseConfig, model: Trainee, seed: int) -> BatchSettings:
    world = join_world()
    return BatchSettings(
        sequence_length=phase.sequence_length,
        batch_tokens=phase.batch_tokens,
        micro_batch_tokens=phase.micro_batch_tokens or phase.batch_tokens // world.size,
        packed=all(map(packable, parts_of(model))),
        mask_rate=phase.mask_rate,
        masking=phase.masking,
        seed=seed,
        rank=world.rank,
        world_size=world.size,
        replacement=phase.replacement,
        detects=isinstance(model, ElectraPair),
    )


def _check_ids(corpus: TokenCorpus, vocabulary: Vocabulary, where: str) -> None:
    highest = int(corpus.ids.max(initial=-1))
    if highest >= vocabulary.size:
        raise ModelMismatchError(
            f"the corpus holds token {highest}, but the model's tokenizer has {vocabulary.size} tokens",
            where=where,
            fix="tokenise the corpus with the model's own tokenizer",
        )
