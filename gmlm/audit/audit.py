"""The audit stage: what one model remembers of its training text, measured against a model that has not read it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from gmlm.audit.masks import Prober
from gmlm.audit.membership import Array, Separation, separate
from gmlm.audit.probes import Answers, Probe, answer
from gmlm.audit.texts import Canary, members_and_others, read_canaries
from gmlm.config import AuditConfig
from gmlm.errors import EmptyCorpusError, ModelMismatchError
from gmlm.manifest import Manifest
from gmlm.multiple_testing import holm
from gmlm.pretraining.models import load_encoder, load_tokenizer
from gmlm.stage import StageRun
from gmlm.training.distributed import join_world

CORPUS_ROLE = "corpus:"
"""Prefix of the roles of the corpora that the model has read and the reference has not."""


def audit(config: AuditConfig, run: StageRun) -> Manifest:
    """Try to tell by the model what it was trained on.

    Writes `audit.json`: `membership` (training against held-out documents by the likelihood ratio of Mireshghallah et
    al. 2022, arXiv 2203.03929), `canaries` (planted against not planted, by number of repeats), and `names` (names that
    are filled in where masked, by both models).

    Raises:
        EmptyCorpusError: The corpora hold no held-out documents, or no text that can be masked.
        ModelMismatchError: The two models do not share a tokenizer.
    """
    pair = _load_pair(config, run)
    corpora = {role: made for role, made in run.inputs.items() if role.startswith(CORPUS_ROLE)}
    members, others = members_and_others(run.store, corpora, config.documents)
    membership = _membership(pair, members, others, config, run)
    canaries = read_canaries(run.store, corpora)
    by_repeats = _canaries(pair, canaries, config, run) if canaries else []
    verdicts = _verdicts([membership, *(row.separation for row in by_repeats)], config.confidence)
    record = {
        "reference": run.inputs["reference"].name,
        "corpora": [role.removeprefix(CORPUS_ROLE) for role in corpora],
        "membership": verdicts[0],
        "canaries": [row.json() | verdict for row, verdict in zip(by_repeats, verdicts[1:], strict=True)] or None,
        "names": {"members": _names(pair, members), "others": _names(pair, others)},
    }
    file = run.write("audit.json", (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())
    counters = {"in": len(members) + len(others), "out": membership.members + membership.others, "rejected": 0}
    counters |= {"dropped": counters["in"] - counters["out"], "canaries": len(canaries)}
    metrics = {"auc": membership.auc.value, "true_positive_rate": membership.true_positive_rate.value}
    return run.publish("scores", config, [file], counters=counters, metrics=metrics)


@dataclass(frozen=True)
class _Pair:
    """The audited model and the reference, which read the same tokens."""

    model: PreTrainedModel
    reference: PreTrainedModel
    mask: int
    prober: Prober

    def ask(self, probes: Sequence[Probe], what: str) -> tuple[Answers, Answers]:
        """What each of the two makes of the probes."""
        return (
            answer(self.model, probes, self.mask, f"Audit: {what}"),
            answer(self.reference, probes, self.mask, f"Audit: {what}, reference"),
        )

    def ratios(self, texts: Sequence[Any], probes_of: Callable[[Any], list[Probe]], what: str) -> Array:
        """How much likelier the model finds each text than the reference does, in nats per masked token.

        Texts without a probe are left out.
        """
        by_text = [probes for text in texts if (probes := probes_of(text))]
        model, reference = self.ask([probe for probes in by_text for probe in probes], what)
        gains = reference.losses - model.losses
        ends = np.cumsum([len(probes) for probes in by_text], dtype=np.int64)
        return np.array([part.mean() for part in np.split(gains, ends[:-1])] if by_text else [])


def _load_pair(config: AuditConfig, run: StageRun) -> _Pair:
    folders = {role: run.local_folder(run.inputs[role], "model") for role in ("model", "reference")}
    tokenizers = {role: load_tokenizer(folder, run.inputs[role].name) for role, folder in folders.items()}
    if tokenizers["model"].get_vocab() != tokenizers["reference"].get_vocab():
        fix = "set 'audit.reference' to a model with the same tokenizer"
        raise ModelMismatchError("model and reference have different tokenizers", where=f"audit {run.name}", fix=fix)
    if (mask := tokenizers["model"].mask_token_id) is None:
        raise ModelMismatchError("its tokenizer has no mask token", where=f"audit {run.name}", fix="audit an encoder")
    model, reference = (load_encoder(folder, run.inputs[role].name, run.seed) for role, folder in folders.items())
    device = join_world().device
    prober = Prober(tokenizers["model"], config.sequence_length)
    return _Pair(model.to(device), reference.to(device), mask, prober)


def _membership(
    pair: _Pair, members: Sequence[str], others: Sequence[str], config: AuditConfig, run: StageRun
) -> Separation:
    def probes_of(text: str) -> list[Probe]:
        return pair.prober.random(text, config.masks, config.mask_rate)

    scores = [pair.ratios(texts, probes_of, "membership") for texts in (members, others)]
    found = separate(scores[0], scores[1], config.resamples, config.confidence, run.seed)
    if found is None:
        what = f"nothing to compare: {len(members)} training and {len(others)} held-out documents"
        raise EmptyCorpusError(what, where=f"audit {run.name}", fix="raise 'holdout_ratio' of the recipe")
    return found


@dataclass(frozen=True)
class _PlantedCanaries:
    """Canaries that were planted equally often, against the controls."""

    repeats: int
    separation: Separation
    exposure: float

    def json(self) -> dict[str, Any]:
        return {"repeats": self.repeats, "exposure": self.exposure}


def _canaries(pair: _Pair, canaries: Sequence[Canary], config: AuditConfig, run: StageRun) -> list[_PlantedCanaries]:
    """For each number of repeats: how well the planted canaries are told from the controls, and their exposure."""
    ratios = pair.ratios(canaries, lambda one: pair.prober.single(one.text, one.start, one.end), "canaries")
    repeats = np.array([canary.repeats for canary in canaries])
    if len(ratios) != len(repeats):
        what = "the tokenizer knows no token of some canaries' secrets"
        raise ModelMismatchError(what, where=f"audit {run.name}", fix="audit without canaries")
    controls = ratios[repeats == 0]
    rows = []
    for number in sorted(set(repeats[repeats > 0].tolist())):
        planted = ratios[repeats == number]
        found = separate(planted, controls, config.resamples, config.confidence, run.seed)
        assert found is not None
        rows.append(_PlantedCanaries(number, found, float(np.mean(exposure(planted, controls)))))
    return rows


def _verdicts(separations: Sequence[Separation], confidence: float) -> list[dict[str, Any]]:
    """Each comparison as JSON; `found` where its p value, corrected for all of the audit, is below 1 - confidence."""
    corrected = holm([each.p_value for each in separations])
    return [
        {**asdict(each), "p_holm": p, "found": p < 1 - confidence}
        for each, p in zip(separations, corrected, strict=True)
    ]


def exposure(planted: Array, controls: Array) -> Array:
    """How far up each canary ranks among the controls, in bits: log2(controls + 1) - log2(rank) (arXiv 1802.08232).

    1.44 is what guessing gives on average (log2 of e), log2(controls + 1) the most there is.
    """
    ranks = 1 + (controls[None, :] >= planted[:, None]).sum(axis=1)
    return np.asarray(np.log2(len(controls) + 1) - np.log2(ranks), np.float64)


def _names(pair: _Pair, texts: Sequence[str]) -> Mapping[str, int]:
    """How many names the texts hold, and how many of them, masked, each model fills in (arXiv 2104.07762)."""
    probes = [probe for text in texts for probe in pair.prober.names(text)]
    model, reference = pair.ask(probes, "names")
    return {
        "names": len(probes),
        "recovered": int(model.recovered.sum()),
        "recovered_by_reference": int(reference.recovered.sum()),
    }
