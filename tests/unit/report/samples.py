"""What the evaluation, audit and training of a sample study have written: figures of our own, for every section."""

from __future__ import annotations

import math
from typing import Any

SEEDS = (1, 2, 3)


def sample_scores() -> dict[str, Any]:
    """Scores of three models on three tasks; p values 0.002, 0.0004, 0.03, 0.4, 0.012, 0.2."""

    def model(mean: float, spread: float, **more: float) -> dict[str, Any]:
        seeds = {str(seed): mean + spread * (seed - 2) for seed in SEEDS}
        return {"mean": mean, "std": spread, "low": mean - 0.021, "high": mean + 0.019, "seeds": seeds, **more}

    def comparison(difference: float, p: float) -> dict[str, Any]:
        low, high = difference - 0.018, difference + 0.017
        return {"baseline": "base", "difference": difference, "low": low, "high": high, "p": p}

    return {
        "tasks": {
            "findings": {
                "metric": "micro F1",
                "convention": "strict IOB2, entity level (seqeval)",
                "test_documents": 240,
                "models": {
                    "base": model(0.7132, 0.006, precision=0.704, recall=0.723),
                    "general": model(0.7291, 0.009, precision=0.722, recall=0.737),
                    "continued": model(0.7875, 0.004, precision=0.781, recall=0.794),
                },
                "comparisons": {"general": comparison(0.0159, 0.03), "continued": comparison(0.0743, 0.0004)},
            },
            "codes": {
                "metric": "micro F1",
                "convention": "documents without gold labels counted",
                "test_documents": 310,
                "models": {
                    "base": model(0.6418, 0.011, precision=0.69, recall=0.6),
                    "general": model(0.6377, 0.013, precision=0.68, recall=0.601),
                    "continued": model(0.6855, 0.008, precision=0.71, recall=0.663),
                },
                "comparisons": {"general": comparison(-0.0041, 0.4), "continued": comparison(0.0437, 0.002)},
            },
            "questions": {
                "metric": "F1",
                "convention": "SQuAD, German articles removed",
                "test_documents": 180,
                "models": {
                    "base": model(0.5520, 0.015, exact_match=0.41),
                    "general": model(0.5631, 0.012, exact_match=0.42),
                    "continued": model(0.5917, 0.010, exact_match=0.44),
                },
                "comparisons": {"general": comparison(0.0111, 0.2), "continued": comparison(0.0397, 0.012)},
            },
        },
        "average": {"base": 0.6357, "general": 0.6433, "continued": 0.6882},
        "missing": [],
    }


def add_details(scores: dict[str, Any]) -> dict[str, Any]:
    """Further tests of every comparison, scores by label of one task, and its confusions."""
    for task in scores["tasks"].values():
        for row in task["comparisons"].values():
            effects = {"1": 0.09, "5": 0.041, "10": 0.032}
            row |= {
                "p_randomisation": row["p"] / 2,
                "detectable": {
                    "power": 0.8,
                    "level": 0.05 / 6,
                    "here": 0.0514,
                    "by_seeds": effects,
                    "documents_alone": 0.0217,
                },
            }
    findings = scores["tasks"]["findings"]
    for number, row in enumerate(findings["models"].values()):
        row["by_label"] = {
            "DRUG": {"f1": 0.8 + number / 100, "precision": 0.8, "recall": 0.8, "gold": 1204},
            "LAB": {"f1": 0.6 + number / 100, "precision": 0.6, "recall": 0.6, "gold": 96},
        }
    findings["confusion"] = {"base": [["", "LAB", 4], ["DRUG", "", 5], ["DRUG", "DRUG", 1111], ["DRUG", "LAB", 17]]}
    return scores


def sample_audit(found: bool) -> dict[str, Any]:
    """An audit that has found something, or nothing."""

    def separation(value: float, **more: Any) -> dict[str, Any]:
        auc = {"value": value, "low": value - 0.04, "high": value + 0.04}
        rate = {"value": 0.031, "low": 0.004, "high": 0.087}
        return {
            "members": 900,
            "others": 110,
            "auc": auc,
            "true_positive_rate": rate,
            "p_value": 0.0004 if found else 0.31,
            "p_holm": 0.0008 if found else 0.62,
            "found": found,
            **more,
        }

    auc = 0.713 if found else 0.507
    names = {"names": 41, "recovered": 7 if found else 0, "recovered_by_reference": 0}
    return {
        "reference": "base",
        "corpora": ["clinical"],
        "membership": separation(auc),
        "canaries": [separation(auc + 0.1 * found, repeats=4, exposure=2.25)],
        "names": {"members": names, "others": {**names, "recovered": 0}},
    }


def sample_training(*corpora: str, steps: int = 400) -> dict[str, Any]:
    """A loss that falls towards 2.1 over the phases."""
    phases = []
    for number, corpus in enumerate(corpora):
        at = [(step, 2.1 + 5 * math.exp(-(step + number * steps) / 150)) for step in range(10, steps + 1, 10)]
        curve = [{"step": s, "loss": loss + 0.07 * math.sin(s), "learning_rate": 1e-4} for s, loss in at]
        at_holdout = [(0, at[0][1]), *at[9::10]]
        holdout = [{"step": s, "loss": loss + 0.1, "perplexity": math.exp(loss + 0.1)} for s, loss in at_holdout]
        for point in (holdout[0], holdout[-1]):
            point["sources"] = {
                name: {
                    "loss": point["loss"] + shift,
                    "perplexity": 1.0,
                    "targets": 9,
                    "bits_per_character": 1.5 + shift,
                }
                for name, shift in (("letters", 0.25), ("notes", -0.25))
            }
        phases.append({"corpus": corpus, "steps": steps, "curve": curve, "holdout": holdout})
    return {"phases": phases}
